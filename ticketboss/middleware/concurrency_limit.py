"""Load shedding: limits a process's concurrent requests and answers the excess with 503."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from reservations.errors import Busy
from ticketboss.metrics.requests import REQUESTS_SHED
from ticketboss.middleware.request_errors import error_response
from ticketboss.paths import ADMIN, PROBES, STATIC

# Probes and the admin must keep working under load.
_EXEMPT = (*PROBES, ADMIN, STATIC)
_REJECT_DELAY_SECONDS = 0.25


class ConcurrencyLimitMiddleware:
    """Admits at most ``MAX_CONCURRENT_REQUESTS`` requests at a time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._limit = settings.MAX_CONCURRENT_REQUESTS
        self._in_flight = 0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, or wait for a moment and return 503 if the process is busy."""
        if self._in_flight >= self._limit and not request.path_info.startswith(_EXEMPT):
            # Otherwise clients that retry immediately would slow down the requests in flight.
            time.sleep(_REJECT_DELAY_SECONDS)
            REQUESTS_SHED.inc()
            return error_response(request, Busy())
        self._in_flight += 1
        try:
            return self.get_response(request)
        finally:
            self._in_flight -= 1
