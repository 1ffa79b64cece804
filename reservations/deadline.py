"""The deadline of a request: how long it may wait for queues, connections, locks and statements.

A request has ``REQUEST_TIMEOUT`` seconds until its COMMIT is sent. After that, or after it has lost
its connection, it has another ``COMMIT_TIMEOUT`` seconds to find out whether the transaction has
committed. Everything that waits asks ``current()``, so the waits cannot add up.
"""

from contextvars import ContextVar, Token
from time import monotonic
from typing import NamedTuple

from django.conf import settings

from reservations.errors import Busy

_GRACE_SECONDS = 0.5
"""How long PostgreSQL has to report its own timeout before the connection is given up."""


class Deadline(NamedTuple):
    """Points in time, in seconds of the monotonic clock."""

    statements_end: float
    """PostgreSQL cancels statements at this time, and nothing new begins after it."""
    wait_ends: float
    """An unresponsive connection is closed at this time."""
    answer_due: float
    """The request is answered by this time, even if its outcome is unknown."""

    @classmethod
    def start(cls) -> "Deadline":
        """Return the deadline of a request that begins now."""
        statements_end = monotonic() + settings.REQUEST_TIMEOUT
        return cls(
            statements_end,
            statements_end + min(_GRACE_SECONDS, settings.COMMIT_TIMEOUT),
            statements_end + settings.COMMIT_TIMEOUT,
        )

    def committing(self) -> "Deadline":
        """Return the deadline for the message that ends with COMMIT."""
        return self._replace(wait_ends=self.answer_due)

    def after_commit(self) -> "Deadline":
        """Return the deadline for finding out whether the transaction has committed."""
        return Deadline(self.answer_due, self.answer_due, self.answer_due)

    def remaining(self) -> float:
        """Return the seconds left for statements; zero or negative if there is no time left."""
        return self.statements_end - monotonic()

    def check(self) -> None:
        """Check that there is time left for another statement.

        Raises:
            Busy: there is none.
        """
        if self.remaining() <= 0:
            raise Busy

    def seconds_to_wait(self) -> float:
        """Return how many seconds to wait for a response of the server, 0 or more."""
        return max(self.wait_ends - monotonic(), 0)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)

current = _current.get
"""Returns the deadline of the running request or batch, or None."""


def within(deadline: Deadline) -> "_Scope":
    """Make ``deadline`` the current one inside a ``with`` block."""
    return _Scope(deadline)


class _Scope:
    """Faster than a generator with ``contextmanager``; every request has several."""

    __slots__ = ("_deadline", "_token")

    _token: Token[Deadline | None]

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __enter__(self) -> Deadline:
        self._token = _current.set(self._deadline)
        return self._deadline

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
