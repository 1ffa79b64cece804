"""Validators of settings: each raises marshmallow's ``ValidationError``, which environs reports."""

import re
from email.utils import parseaddr
from ipaddress import ip_network
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError as InvalidAddress
from django.core.validators import validate_email
from marshmallow import ValidationError


def validate_hosts(values: list[str]) -> None:
    """Accept host names, names with a leading dot, addresses, and ``*``."""
    if not all(re.fullmatch(r"\*|\.?[\w-]+(\.[\w-]+)*|\[[\da-fA-F:.]+\]", each) for each in values):
        raise ValidationError("Must be names like tickets.example, without https:// or a port")


def validate_origins(values: list[str]) -> None:
    """Accept origins: a scheme and a host, no path."""
    if not all(re.fullmatch(r"https?://[^/\s]+", value) for value in values):
        raise ValidationError("Must be origins like https://shop.example, without a path")


def validate_networks(values: list[str]) -> None:
    """Accept addresses and networks in CIDR notation."""
    try:
        [ip_network(value) for value in values]
    except ValueError as error:
        raise ValidationError("Must be addresses or networks like 10.0.0.0/8") from error


def validate_proxies(text: str) -> None:
    """Accept addresses and networks separated by commas, or ``*``."""
    if text != "*":
        validate_networks([each.strip() for each in text.split(",")])


def validate_header(values: list[str]) -> None:
    """Accept nothing, or the WSGI name of a header and its value."""
    if len(values) not in {0, 2} or not all(values) or not values[0].startswith("HTTP_"):
        raise ValidationError("Must be a header and its value: HTTP_X_FORWARDED_PROTO,https")


def validate_mail_url(value: str) -> None:
    """Accept the URL of a mail server, or of a backend that sends nothing."""
    if not re.match(r"(smtp|submission)://|(console|dummy):", value):
        raise ValidationError("Must begin with smtp://, submission://, console: or dummy:")
    url = urlsplit(value)
    if url.scheme in {"smtp", "submission"} and not url.hostname:
        raise ValidationError("Must name a server: smtp://user:password@mail.example:587?tls=1")
    # What is misspelt here would send passwords and addresses unencrypted.
    if not re.fullmatch(r"((tls|ssl)=(1|[Tt]rue))?", url.query):
        raise ValidationError("Must end in ?tls=1 or ?ssl=1 if anything")


def validate_sender(value: str) -> None:
    """Accept an address, with or without a display name."""
    try:
        validate_email(parseaddr(value)[1])
    except InvalidAddress as error:
        raise ValidationError("Must be like TicketBoss <tickets@shop.example>") from error
