"""Limits the requests to the admin by visitors who are not logged in."""

import time
from collections import Counter
from collections.abc import Callable
from threading import BoundedSemaphore

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from reservations.api import exceptions
from reservations.api.parsers import MAX_BODY_BYTES, PayloadTooLarge
from reservations.database_errors import release_connection
from ticketboss.accounts.login_throttle import client_address
from ticketboss.metrics.requests import REQUESTS_SHED
from ticketboss.middleware.request_errors import error_response
from ticketboss.paths import ADMIN

# Rendering the login page keeps the event loop busy for several milliseconds. With this delay, it
# does so for at most a fifth of the time.
_DELAY_SECONDS = 0.25
_CONCURRENT = 4
# Including those that are served.
_MAX_WAITING = 36
# So that clients of one address, or of one IPv6 network, leave room for others.
_MAX_WAITING_PER_ADDRESS = 8


class AdminLimitMiddleware:
    """Serves few anonymous requests at a time, delays each, and answers the excess with 503.

    Their bodies may be as long as in the API: decoding a longer form takes up to half a second.
    Logged-in staff are not limited. The middleware needs ``request.user``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._free = BoundedSemaphore(_CONCURRENT)
        self._waiting: Counter[str] = Counter()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, after a delay if its user is anonymous, or answer 503."""
        if not request.path_info.startswith(ADMIN) or request.user.is_authenticated:
            return self.get_response(request)
        release_connection()  # It has read the session.
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            return error_response(request, PayloadTooLarge())
        address = client_address(request) or ""
        if self._is_full(address):
            REQUESTS_SHED.inc()
            time.sleep(_DELAY_SECONDS)
            return exceptions.busy(request)
        self._waiting[address] += 1
        try:
            return self._delayed(request)
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    def _is_full(self, address: str) -> bool:
        return (
            self._waiting[address] >= _MAX_WAITING_PER_ADDRESS
            or self._waiting.total() >= _MAX_WAITING
        )

    def _delayed(self, request: HttpRequest) -> HttpResponseBase:
        with self._free:
            time.sleep(_DELAY_SECONDS)
            return self.get_response(request)
