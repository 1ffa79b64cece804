"""How many requests a process works on at once; whoever comes on top is sent away quickly."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.http import HttpResponse

from reservations.api.errors import handle
from reservations.api.v1.errors import handle as handle_v1
from reservations.errors import Busy
from ticketboss.metrics import TURNED_AWAY

# Probes must be answered above all when there is much to do, and staff must be able to act.
_ALWAYS_OPEN = ("/health", "/ready", "/metrics", "/admin", "/static")
_PAUSE_SECONDS = 0.25


class Refused(NamedTuple):
    """What who is sent away reads."""

    headers: dict[str, str]
    body: bytes


class Door:
    """Lets in ``most`` requests at a time; made once for each process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._refused = _refused(handle)
        self._refused_v1 = _refused(handle_v1)

    def refusal(self, path: str) -> Refused | None:
        """Return what to answer to a request that has to go, None if it may come in."""
        if self._inside < self._most or path.startswith(_ALWAYS_OPEN):
            return None
        TURNED_AWAY.inc()
        # Some ask again at once. As fast as that, they would take the time from who is inside.
        time.sleep(_PAUSE_SECONDS)
        return self._refused_v1 if path.startswith("/api/v1") else self._refused

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a request as long as it is worked on."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1


def _refused(render: Callable[[Exception, dict[str, object]], HttpResponse]) -> Refused:
    answer = render(Busy(), {})
    return Refused({"Retry-After": answer["Retry-After"]}, answer.content)
