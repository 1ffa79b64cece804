"""Limits how often passwords can be guessed, by address and by account: a handler of django-axes.

Its own handler has one limit for all, and counts a failure after the hash, so requests that arrive
together are all checked. This one counts an attempt before its password is checked, in a
transaction that holds a lock for the address and for the account. A login takes it back.

Nobody is locked out permanently. A refused attempt is not counted, so it does not prolong the wait.
Guesses from one address do not lock the account for others. Guesses from many addresses lock it for
a minute, but not for the addresses that it has logged in from.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, NamedTuple

import structlog
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from rest_framework.status import HTTP_429_TOO_MANY_REQUESTS

from reservations import sql
from ticketboss.accounts import login_events

log = structlog.get_logger(__name__)

# A provider assigns a network of this size to each customer.
_IPV6_PREFIX = 64


class Limit(NamedTuple):
    """The number of attempts that are allowed in a time."""

    attempts: int
    window: timedelta


# Not longer than AXES_COOLOFF_TIME, after which the rows are deleted.
BY_ACCOUNT_AND_ADDRESS = Limit(5, settings.AXES_COOLOFF_TIME)
BY_ADDRESS = Limit(20, settings.AXES_COOLOFF_TIME)
BY_ACCOUNT = Limit(30, timedelta(minutes=1))


def client_address(request: HttpRequest) -> str | None:
    """Return the client's IPv4 address or IPv6 network, or None if there is none.

    Called by axes (``AXES_CLIENT_IP_CALLABLE``).
    """
    sent = request.META.get("REMOTE_ADDR")
    if not sent:
        return None  # a Unix socket, or no request
    address = ip_address(sent.partition("%")[0])
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _IPV6_PREFIX), strict=False).network_address)


def refuse(request: HttpRequest, response: HttpResponse, _credentials: Any) -> HttpResponse:
    """Turn the login page into a 429. Called by axes (``AXES_LOCKOUT_CALLABLE``)."""
    response.status_code = HTTP_429_TOO_MANY_REQUESTS
    response["Retry-After"] = str(seconds_to_wait(request))
    return response


def seconds_to_wait(request: HttpRequest | None) -> int:
    """Return after how many seconds the refused attempt of ``request`` may be repeated, or 0."""
    wait: timedelta = getattr(request, "login_wait", timedelta())
    return ceil(wait.total_seconds())


class LoginThrottle(AxesDatabaseHandler):
    """Counts attempts to log in, and refuses those beyond a limit (``AXES_HANDLER``)."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        """Count the attempt and return False, or return True if it must be refused.

        ``axes.backends.AxesStandaloneBackend`` calls this before the password is checked.
        """
        username, address = (credentials or {}).get("username"), request.axes_ip_address
        now = request.axes_attempt_time
        with transaction.atomic():
            sql.advisory_locks_until_commit(f"address {address}", f"account {username}")
            request.login_wait = _wait(username, address, now)
            if request.login_wait:
                login_events.record_refused_login(
                    request, username or "", window=settings.AXES_COOLOFF_TIME
                )
            else:
                _count(username, address, now, request.axes_path_info)
        if request.login_wait:
            log.warning("login.refused", client=address, seconds=seconds_to_wait(request))
        return bool(request.login_wait)

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        """Record a wrong password; it was counted, or refused, before it was checked."""
        if not seconds_to_wait(request):
            login_events.record_failed_login(credentials.get("username") or "")

    def reset_attempts(
        self,
        *,
        ip_address: str | None = None,
        username: str | None = None,
        ip_or_username: bool = False,
    ) -> int:
        """Unlock addresses or accounts; return the number of deleted rows.

        An account is unlocked for the addresses too that its password was tried from.
        """
        with transaction.atomic():
            if username is None or ip_address is not None:
                number = super().reset_attempts(
                    ip_address=ip_address, username=username, ip_or_username=ip_or_username
                )
            else:
                number = _forget_account(username)
            login_events.record_unlock(attempts=number, username=username, ip_address=ip_address)
        return number


def _forget_account(username: str) -> int:
    own = AccessAttempt.objects.filter(username=username)
    addresses = list(own.values_list("ip_address", flat=True))
    attempts = AccessAttempt.objects.filter(Q(username=username) | Q(ip_address__in=addresses))
    number, _ = attempts.delete()
    return number


def _wait(username: str | None, address: str | None, now: datetime) -> timedelta:
    """Return how long the next attempt has to wait."""
    same_account, same_address = Q(username=username), Q(ip_address=address)
    recent = AccessAttempt.objects.filter(
        same_account | same_address, attempt_time__gt=now - settings.AXES_COOLOFF_TIME
    )
    attempts = list(recent.order_by("attempt_time"))
    by_account = [each for each in attempts if each.username == username]
    by_address = [each for each in attempts if each.ip_address == address]
    by_both = [each for each in by_account if each.ip_address == address]
    own = max(
        _until_allowed(BY_ACCOUNT_AND_ADDRESS, by_both, now),
        _until_allowed(BY_ADDRESS, by_address, now),
    )
    others = _until_allowed(BY_ACCOUNT, by_account, now)
    if others > own and AccessLog.objects.filter(same_account & same_address).exists():
        return own
    return max(own, others)


def _until_allowed(limit: Limit, attempts: Iterable[AccessAttempt], now: datetime) -> timedelta:
    """Return how long it takes until another attempt is within the limit; zero if it is now.

    The attempts are sorted, the oldest first. Each row stands for several.
    """
    counted = [each for each in attempts if each.attempt_time > now - limit.window]
    number = sum(each.failures_since_start for each in counted)
    wait = timedelta()
    for each in counted:
        if number < limit.attempts:
            break
        number -= each.failures_since_start
        wait = each.attempt_time + limit.window - now
    return wait


def _count(username: str | None, address: str | None, now: datetime, path: str) -> None:
    """Add an attempt to the row of the account and the address."""
    rows = AccessAttempt.objects.filter(username=username, ip_address=address)
    recent = rows.filter(attempt_time__gt=now - BY_ACCOUNT_AND_ADDRESS.window).first()
    AccessAttempt.objects.update_or_create(
        username=username,
        ip_address=address,
        user_agent="",  # One row for all browsers.
        defaults={
            "failures_since_start": recent.failures_since_start + 1 if recent else 1,
            "attempt_time": now,
            "path_info": path,
        },
    )
