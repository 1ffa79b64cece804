"""Records security events in the audit log (``SecurityEvent``), and masks what it may not contain.

The audit log contains ids, names and masked values: never a password, a secret, an e-mail address
or a complete network address.
"""

import re
from functools import partial
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import structlog
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from reservations.models import SecurityEvent
from reservations.request_context import admin_request, request_id

log = structlog.get_logger(__name__)

ANONYMOUS = "anonymous"
"""The actor of a request without a login."""

# A provider assigns at most a network of this size to each customer.
_IPV6_PREFIX = 48
_EMAIL_ADDRESS = re.compile(r"[^\s@]*@[^\s@]*")


def record(
    *,
    kind: SecurityEvent.Kind,
    actor: str,
    subject: str = "",
    **details: Any,
) -> None:
    """Add an event to the audit log, and to the log once it is committed.

    In a transaction of the caller, the event is committed with its effect or not at all.

    Args:
        kind: what was done.
        actor: who did it, for example ``admin:berta``, ``partner:seatwave/k3j9`` or
            ``manage.py partner key``. An account is named by ``staff_actor``.
        subject: what it was done to, for example ``user:7`` or ``key:k3j9``; empty if that does
            not exist.
        details: more about it, for example names; values must be representable in JSON. E-mail
            addresses are replaced; mask other values that a person has typed.

    Raises:
        DatabaseError: the event was not recorded, so the caller must not do what it describes.
    """
    request = admin_request.get()
    event = SecurityEvent(
        kind=kind,
        actor=_fitting(actor, "actor"),
        subject=_fitting(subject, "subject"),
        client=mask_address(request.META.get("REMOTE_ADDR")) if request else "",
        request_id=_fitting(request_id.get(), "request_id"),
        details=_without_addresses(details),
    )
    event.save(force_insert=True)
    transaction.on_commit(
        partial(
            log.info,
            f"security.{event.kind}",
            actor=event.actor,
            subject=event.subject,
            network=event.client,
            details=event.details,
        )
    )


def staff_actor(user: AbstractBaseUser) -> str:
    """Return the account as an actor: by its name or, if that is an e-mail address, by its id."""
    name = user.get_username()
    return f"admin:#{user.pk}" if "@" in name else f"admin:{name}"


def mask_name(name: str) -> str:
    """Return the first character of what was typed as a name, and its length: ``b••• (5)``."""
    first = name[:1] if name[:1].isprintable() else "?"
    return f"{first}••• ({len(name)})"


def mask_address(address: str | None) -> str:
    """Return the network of an IP address: ``192.0.2.x``, or a /48 of IPv6; "" if it is none."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""  # a Unix socket
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if isinstance(parsed, IPv4Address):
        return f"{str(parsed).rpartition('.')[0]}.x"
    return str(ip_network((parsed, _IPV6_PREFIX), strict=False))


def _fitting(text: str, column: str) -> str:
    """Return ``text`` without e-mail addresses, cut to the length of the column."""
    limit: int = SecurityEvent._meta.get_field(column).max_length  # type: ignore[union-attr, assignment]
    return _EMAIL_ADDRESS.sub("[email]", text[:limit])[:limit]


def _without_addresses(value: Any) -> Any:
    """Return a value that JSON can represent, without e-mail addresses in its texts."""
    match value:
        case str():
            return _EMAIL_ADDRESS.sub("[email]", value)
        case dict():
            return {name: _without_addresses(each) for name, each in value.items()}
        case list() | tuple():
            return [_without_addresses(each) for each in value]
    return value
