"""Whether the database can serve requests: asked at most once a second, for all callers."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic

import structlog
from django.db import connection
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.db.utils import Error

from reservations import deadline
from reservations.deadline import Deadline
from reservations.schema import is_migrated

log = structlog.get_logger(__name__)

_UNREACHABLE = "unreachable"


class _Run:
    """A check that is running in a thread of its own, or has ended."""

    def __init__(self, check: Callable[[], str | None]) -> None:
        self.done = Event()
        self.problem: str | None = _UNREACHABLE
        self._check = check
        self._started = monotonic()
        Thread(target=self._run, name="readiness", daemon=True).start()

    def age(self) -> float:
        """Return the seconds since the check started."""
        return monotonic() - self._started

    def _run(self) -> None:
        try:
            self.problem = self._check()
        finally:
            self.done.set()


class DatabaseCheck:
    """Checks that the database is reachable and has every migration of this version.

    One check runs at a time, for all callers that arrive before the next one is due. So at most one
    connection is occupied, even by a database that hangs, and no caller waits longer than the
    timeout.
    """

    def __init__(self, *, max_age: float, timeout: float) -> None:
        """Create a check.

        Args:
            max_age: seconds from the start of a check until the next one may start.
            timeout: seconds from the start of a check until the database counts as unreachable.
        """
        self._max_age, self._timeout = max_age, timeout
        self._lock = Lock()
        self._latest: _Run | None = None
        self._migrated = False
        # Only tests and management commands migrate in their own process.
        post_migrate.connect(self._start_over)
        connection_created.connect(self._end_outage)

    def problem(self) -> str | None:
        """Return what is wrong, or None."""
        with self._lock:
            run = self._latest
            if run is None or (run.done.is_set() and run.age() >= self._max_age):
                run = self._latest = _Run(self._check)
        if run.done.wait(max(0.0, self._timeout - run.age())):
            return run.problem
        return _UNREACHABLE

    def _check(self) -> str | None:
        try:
            # So that the thread ends, even if the database does not respond.
            with deadline.within(Deadline.start()):
                return self._find_problem()
        except Error as error:
            log.warning("readiness.unreachable", reason=str(error))
            return _UNREACHABLE
        finally:
            connection.close()

    def _find_problem(self) -> str | None:
        connection.ensure_connection()
        # Once: it takes milliseconds of CPU, and no migration is undone while a server runs.
        self._migrated = self._migrated or is_migrated()
        if not connection.is_usable():
            return _UNREACHABLE
        return None if self._migrated else "a migration is missing"

    def _end_outage(self, **_: object) -> None:
        """Check again for the next caller: a request has reached the database since."""
        run = self._latest
        if run and run.done.is_set() and run.problem == _UNREACHABLE:
            self._latest = None

    def _start_over(self, **_: object) -> None:
        with self._lock:
            self._latest, self._migrated = None, False


database_check = DatabaseCheck(max_age=1.0, timeout=2.0)
"""The check of this process."""
