"""Validators for settings; each raises marshmallow's ``ValidationError`` for environs to report."""

import re
from email.utils import parseaddr
from ipaddress import ip_network
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from marshmallow import ValidationError


def validate_hosts(values: list[str]) -> None:
    """Accept host names, names with a leading dot, IP addresses and ``*``."""
    if not all(re.fullmatch(r"\*|\.?[\w-]+(\.[\w-]+)*|\[[\da-fA-F:.]+\]", each) for each in values):
        raise ValidationError("Must be host names like tickets.example, without https:// or a port")


def validate_origins(values: list[str]) -> None:
    """Accept origins: a scheme and a host with an optional port, without a path."""
    if not all(re.fullmatch(r"https?://[^/\s]+", value) for value in values):
        raise ValidationError("Must be origins like https://shop.example, without a path")


def validate_networks(values: list[str]) -> None:
    """Accept IP addresses, and networks in CIDR notation."""
    try:
        [ip_network(value) for value in values]
    except ValueError as error:
        raise ValidationError("Must be IP addresses or networks like 10.0.0.0/8") from error


def validate_proxies(text: str) -> None:
    """Accept a comma-separated list of IP addresses and networks, or ``*``."""
    if text != "*":
        validate_networks([each.strip() for each in text.split(",")])


def validate_header(values: list[str]) -> None:
    """Accept an empty list, or the WSGI name of a header and its value."""
    if values and not re.fullmatch(r"HTTP_\w+,[^,]+", ",".join(values)):
        raise ValidationError(
            "Must be a header name and its value, for example HTTP_X_FORWARDED_PROTO,https"
        )


def validate_mail_url(value: str) -> None:
    """Accept the URL of a mail server, ``console:`` or ``dummy:``."""
    if not re.match(r"(smtp|submission)://|(console|dummy):", value):
        raise ValidationError("Must begin with smtp://, submission://, console: or dummy:")
    url = urlsplit(value)
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
