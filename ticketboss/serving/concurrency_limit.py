"""Load shedding: limits a process's concurrent requests and answers the excess with 503."""

import time
from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpResponse

from reservations.api.exceptions import exception_handler
from reservations.api.v1.exceptions import exception_handler as v1_exception_handler
from reservations.errors import Busy
from ticketboss.metrics.requests import REQUESTS_SHED

# Probes and the admin must keep working under load.
_EXEMPT = ("/health", "/ready", "/metrics", "/admin", "/static")
_REJECT_DELAY_SECONDS = 0.25


class BusyResponse(NamedTuple):
    """The headers and body of the 503 response to a rejected request."""

    headers: dict[str, str]
    body: bytes


class ConcurrencyLimiter:
    """Admits at most ``limit`` concurrent requests; one instance per process.

    Enter it as a context manager to count an admitted request as in flight.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight = 0
        self._response = _render(exception_handler)
        self._v1_response = _render(v1_exception_handler)

    def reject_if_full(self, path: str) -> BusyResponse | None:
        """Return the 503 response for a request over the limit, or None if it is admitted.

        Sleeps before it returns a response.
        """
        if self._in_flight < self._limit or path.startswith(_EXEMPT):
            return None
        REQUESTS_SHED.inc()
        # Without a delay, clients that retry immediately would slow down the requests in flight.
        time.sleep(_REJECT_DELAY_SECONDS)
        return self._v1_response if path.startswith("/api/v1") else self._response

    def __enter__(self) -> None:
        """Count a request until the context exits."""
        self._in_flight += 1

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1


def _render(handler: Callable[[Exception, dict[str, object]], HttpResponse]) -> BusyResponse:
    response = handler(Busy(), {})
    return BusyResponse({"Retry-After": response["Retry-After"]}, response.content)
