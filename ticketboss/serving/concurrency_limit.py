"""How many requests a process works on at once; the excess gets 503 quickly (load shedding)."""

import time
from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpResponse

from reservations.api.exceptions import exception_handler
from reservations.api.v1.exceptions import exception_handler as v1_exception_handler
from reservations.errors import Busy
from ticketboss.metrics.requests import REQUESTS_SHED

# Probes must be answered above all when there is much to do, and staff must be able to act.
_EXEMPT = ("/health", "/ready", "/metrics", "/admin", "/static")
_PAUSE_SECONDS = 0.25


class BusyAnswer(NamedTuple):
    """The answer to a request that is shed."""

    headers: dict[str, str]
    body: bytes


class ConcurrencyLimiter:
    """Admits at most ``limit`` requests at a time; made once for each process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight = 0
        self._answer = _render(exception_handler)
        self._v1_answer = _render(v1_exception_handler)

    def reject_if_full(self, path: str) -> BusyAnswer | None:
        """Return the answer to a request that is one too many, None if it is admitted."""
        if self._in_flight < self._limit or path.startswith(_EXEMPT):
            return None
        REQUESTS_SHED.inc()
        # Some clients ask again at once. As fast as that, they would slow down those in flight.
        time.sleep(_PAUSE_SECONDS)
        return self._v1_answer if path.startswith("/api/v1") else self._answer

    def __enter__(self) -> None:
        """Count a request, until it is answered."""
        self._in_flight += 1

    def __exit__(self, *_: object) -> None:
        self._in_flight -= 1


def _render(handler: Callable[[Exception, dict[str, object]], HttpResponse]) -> BusyAnswer:
    answer = handler(Busy(), {})
    return BusyAnswer({"Retry-After": answer["Retry-After"]}, answer.content)
