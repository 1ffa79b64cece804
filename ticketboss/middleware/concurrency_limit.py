"""Load shedding: limits a process's concurrent requests and answers the excess with 503."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ticketboss.middleware.request_errors import error_response
from ticketboss.serving.http_parser import RequestError

# Probes and the admin must keep working under load.
_EXEMPT = ("/health", "/ready", "/metrics", "/admin", "/static")
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
            return error_response(request, RequestError(503, "too many requests in flight"))
        self._in_flight += 1
        try:
            return self.get_response(request)
        finally:
            self._in_flight -= 1
