"""Validators for settings; each raises marshmallow's ``ValidationError`` for environs to report."""

import re
import stat
from collections.abc import Callable
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from marshmallow import ValidationError

from ticketboss.conf import hosts


def validate_hosts(values: list[str]) -> None:
    """Accept host names, names with a leading dot, IP addresses and ``*``."""
    if not _are_all(hosts.normalise_allowed_host, values):
        raise ValidationError(
            "Must be host names like tickets.example, without https://, a port or underscores, "
            "or addresses like 192.0.2.1 and [2001:db8::1]"
        )


def validate_origins(values: list[str]) -> None:
    """Accept origins: a scheme and a host with an optional port, without a path."""
    if not _are_all(hosts.normalise_origin, values):
        raise ValidationError(
            "Must be origins like https://shop.example, without a path, * or user name"
        )


def validate_trusted_origins(values: list[str]) -> None:
    """Accept origins, and origins of all subdomains."""
    if not _are_all(hosts.normalise_trusted_origin, values):
        raise ValidationError(
            "Must be origins like https://shop.example or https://*.shop.example, without a path"
        )


def _are_all(parse: Callable[[str], object], values: list[str]) -> bool:
    """Return whether ``parse`` raises no ValueError for any of ``values``."""
    try:
        for each in values:
            parse(each)
    except ValueError:
        return False
    return True


def validate_folder(value: str) -> None:
    """Accept a folder, whether or not it exists, that PostgreSQL's configuration can contain."""
    if not value.isprintable():
        raise ValidationError("Must not contain line breaks, control characters or invalid UTF-8")
    try:
        is_folder = stat.S_ISDIR(Path(value).stat().st_mode)
    except FileNotFoundError:
        is_folder = True  # It will be created.
    except OSError as error:
        raise ValidationError(f"Must be a folder that can be created: {error.strerror}") from error
    if not is_folder:
        raise ValidationError("Must be a folder, not a file")


def validate_bind(value: str) -> None:
    """Accept an IP address and a port."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([0-9.]+)):([1-9][0-9]{0,4})", value)
    if (
        not found
        or int(found[3]) > hosts.MAX_PORT
        or not _are_all(ip_address, [found[1] or found[2]])
    ):
        raise ValidationError("Must be an IP address and a port like 127.0.0.1:9100 or [::1]:9100")


def validate_proxies(text: str) -> None:
    """Accept a comma-separated list of IP addresses and networks in CIDR notation, or ``*``."""
    networks = [each.strip() for each in text.split(",")] if text != "*" else []
    if not _are_all(ip_network, networks):
        raise ValidationError("Must be IP addresses or networks like 10.0.0.0/8")


def validate_header(values: list[str]) -> None:
    """Accept the WSGI name of a header and its value."""
    if not re.fullmatch(r"HTTP_[A-Z0-9_]+,[^,]+", ",".join(values)):
        raise ValidationError(
            "Must be a header name and its value, for example HTTP_X_FORWARDED_PROTO,https"
        )


def validate_mail_url(value: str) -> None:
    """Accept the URL of a mail server, ``console:`` or ``dummy:``."""
    if not re.match(r"(smtp|submission)://|(console|dummy):", value):
        raise ValidationError("Must begin with smtp://, submission://, console: or dummy:")
    try:
        url = urlsplit(value)
    except ValueError as error:
        raise ValidationError("Must be a URL like smtp://mail.example:587?tls=1") from error
    if url.scheme in {"smtp", "submission"} and not url.hostname:
        raise ValidationError("Must name a server: smtp://user:password@mail.example:587?tls=1")
    # A misspelt option would send passwords and addresses unencrypted.
    if not re.fullmatch(r"((tls|ssl)=(1|[Tt]rue))?", url.query):
        raise ValidationError("The query string, if any, must be ?tls=1 or ?ssl=1")


def validate_sender(value: str) -> None:
    """Accept an e-mail address, with or without a display name."""
    try:
        validate_email(parseaddr(value)[1])
    except DjangoValidationError as error:
        raise ValidationError(
            "Must be an e-mail address, for example TicketBoss <tickets@shop.example>"
        ) from error
