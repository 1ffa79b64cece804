"""Load shedding: limits a process's concurrent requests and answers the excess with 503."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.status import HTTP_503_SERVICE_UNAVAILABLE

from reservations.database_errors import release_connection
from reservations.errors import Busy
from ticketboss.metrics.requests import REQUESTS_SHED
from ticketboss.middleware.request_errors import error_response
from ticketboss.paths import ADMIN, PROBES, STATIC

# Probes must keep working under load. The admin has its own limit (admin_limit.py).
_EXEMPT = (ADMIN, STATIC)
_MIN_REFUSAL_SECONDS = 0.25


class ConcurrencyLimitMiddleware:
    """Admits at most ``MAX_CONCURRENT_REQUESTS`` requests at a time, and delays early 503s.

    Without the delay, clients that retry immediately would slow down the requests in flight. A
    request that has waited for its deadline is not delayed further.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._limit = settings.MAX_CONCURRENT_REQUESTS
        self._in_flight = 0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, or answer 503 if the process is busy."""
        path = request.path_info
        if path in PROBES or path.startswith(_EXEMPT):
            return self.get_response(request)
        due = time.monotonic() + _MIN_REFUSAL_SECONDS
        response = self._limited(request)
        if response.status_code == HTTP_503_SERVICE_UNAVAILABLE:
            release_connection()  # A query that timed out has left it.
            time.sleep(max(due - time.monotonic(), 0))
        return response

    def _limited(self, request: HttpRequest) -> HttpResponseBase:
        if self._in_flight >= self._limit:
            REQUESTS_SHED.inc()
            return error_response(request, Busy())
        self._in_flight += 1
        try:
            return self.get_response(request)
        finally:
            self._in_flight -= 1
