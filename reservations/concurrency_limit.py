"""Limits how many requests of a process do the same expensive work at a time."""

from threading import BoundedSemaphore

from reservations import deadline
from reservations.errors import Busy


class ConcurrencyLimit:
    """A context manager that admits few requests at a time; others wait.

    While one request computes, the event loop serves no other. Without a limit, each sale would
    wait for all of them, several times. A request must not hold a database connection while it
    waits.
    """

    def __init__(self, concurrent: int, *, max_waiting: int) -> None:
        """Create a limit.

        Args:
            concurrent: how many requests are admitted at a time.
            max_waiting: how many more may wait, each until its deadline at most.
        """
        self._free = BoundedSemaphore(concurrent)
        self._max_waiting = max_waiting
        self.waiting = 0
        """The number of requests that wait to be admitted."""

    def __enter__(self) -> None:
        """Wait to be admitted.

        Raises:
            Busy: too many requests are waiting, or this one was not admitted in time.
        """
        if not self._free.acquire(blocking=False):
            self._wait()

    def __exit__(self, *_: object) -> None:
        """Admit the next request."""
        self._free.release()

    def _wait(self) -> None:
        if self.waiting >= self._max_waiting:
            raise Busy
        current = deadline.current()
        self.waiting += 1
        try:
            admitted = self._free.acquire(timeout=current and max(current.remaining(), 0))
        finally:
            self.waiting -= 1
        if not admitted:
            raise Busy
