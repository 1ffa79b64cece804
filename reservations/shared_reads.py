"""Lets concurrent reads of a process share one query, and so one database connection."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.conf import settings
from django.db import connection

from reservations.batching import Batcher, Limits
from reservations.database_errors import busy_if_unavailable, connect
from reservations.errors import Busy

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


class SharedReader(Generic[_Key, _Row]):
    """Reads rows by key. Reads that arrive while a query is running share the next one.

    A query starts after the last of its callers has arrived, so none gets outdated rows.
    """

    def __init__(self, read: Callable[[Sequence[_Key]], Sequence[_Row]]) -> None:
        """Create a reader. ``read`` returns one row, or None, for each key, in order."""
        self._read = read
        # One queue for all keys. Reads are fast, so every request in flight may wait in it.
        self._batcher = Batcher(
            self._read_and_disconnect,
            prepare=connect,
            leader_killed_error=Busy,
            limits=Limits(settings.GROUP_COMMIT_MAX_BATCH, settings.MAX_CONCURRENT_REQUESTS),
        )

    def get(self, key: _Key) -> _Row:
        """Return the row of ``key``.

        Raises:
            Busy: too many calls are waiting, the call waited too long, or the database is
                unavailable.
        """
        # A shared query may run on another connection, which cannot see what the caller's open
        # transaction has written.
        if connection.in_atomic_block:
            return self._read([key])[0]
        return self._batcher.submit("", key)

    def waiting(self) -> int:
        """Return the number of calls whose query has not begun yet."""
        return self._batcher.waiting("")

    def _read_and_disconnect(self, keys: Sequence[_Key]) -> Sequence[_Row]:
        # Return the connection to the pool at once: the leader's client may be slow.
        try:
            with busy_if_unavailable():
                return self._read(keys)
        finally:
            connection.close()
