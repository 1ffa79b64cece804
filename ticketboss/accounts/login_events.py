"""Records in the audit log who logs in and out, and whose attempts fail or are refused.

``login_throttle`` calls the functions that are not receivers of signals.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.functions import Now
from django.dispatch import receiver
from django.http import HttpRequest

from reservations.models import SecurityEvent
from reservations.security_log import ANONYMOUS, mask_address, mask_name, record, staff_actor
from ticketboss.accounts.security_events import current_actor, subject_of

Kind = SecurityEvent.Kind


@receiver(user_logged_in)
def record_login(request: HttpRequest, user: User, **_: object) -> None:
    """Record a login. If that fails, the user is not logged in."""
    try:
        record(kind=Kind.LOGIN, actor=staff_actor(user), subject=subject_of(user))
    except Exception:
        request.session.clear()  # The middleware stores the session even if the response is 503.
        raise


@receiver(user_logged_out)
def record_logout(user: User | None, **_: object) -> None:
    """Record a logout, unless the session had already ended."""
    if user:
        record(kind=Kind.LOGOUT, actor=staff_actor(user), subject=subject_of(user))


def record_failed_login(username: str) -> None:
    """Record an attempt with a wrong password or name; what was typed may be either of them."""
    subject = _subject_of_name(username)
    name = mask_name(username)
    record(kind=Kind.LOGIN_FAILED, actor=ANONYMOUS, subject=subject, name=name)


def record_refused_login(request: HttpRequest, username: str, *, window: timedelta) -> None:
    """Record an attempt that was refused before its password was checked.

    In the time ``window``, the attempts for one account, or for names without an account, from one
    network are recorded once. The caller holds a lock for the account and the address.
    """
    subject = _subject_of_name(username)
    client = mask_address(request.META.get("REMOTE_ADDR"))
    recent = SecurityEvent.objects.filter(kind=Kind.LOGIN_LOCKED, at__gt=Now() - window)
    if not recent.filter(subject=subject, client=client).exists():
        name = mask_name(username)
        record(kind=Kind.LOGIN_LOCKED, actor=ANONYMOUS, subject=subject, name=name)


def record_unlock(*, attempts: int, username: str | None, ip_address: str | None) -> None:
    """Record that failed attempts of an account, of an address or of all were forgotten."""
    details: dict[str, Any] = {"failed_attempts": attempts}
    if username:
        details["name"] = mask_name(username)
    if ip_address:
        details["network"] = mask_address(ip_address)
    subject = _subject_of_name(username) if username else ""
    record(
        kind=Kind.ACCOUNT_UNLOCKED,
        actor=current_actor(),
        subject=subject,
        **details,
    )


def _subject_of_name(username: str) -> str:
    """Return the account with this name, or "" if there is none."""
    user = User.objects.filter(username=username).first()
    return subject_of(user) if user else ""
