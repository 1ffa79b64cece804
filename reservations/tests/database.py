"""Helpers that use the test database from other connections, or wait for what happens there.

Tests may run in parallel, each process with its own database on one server, so every query about
the server's activity is limited to the current database.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test.utils import CaptureQueriesContext

from reservations.models import Event
from reservations.tests.waiting import wait_until

T = TypeVar("T")


@contextmanager
def second_connection(*, autocommit: bool = False) -> Iterator[psycopg.Connection]:
    """Open a second connection to the test database."""
    params = connection.get_connection_params()
    with psycopg.connect(**params | {"autocommit": autocommit}) as other:
        yield other


@contextmanager
def locked(event: Event) -> Iterator[psycopg.Connection]:
    """Lock the event's row, as a slow transaction would; yield the connection that holds it."""
    with second_connection() as other:
        other.execute("SELECT FROM reservations_event WHERE id = %s FOR NO KEY UPDATE", [event.pk])
        yield other


@contextmanager
def session_setting(name: str, value: str) -> Iterator[None]:
    """Change a PostgreSQL setting for all Django connections used inside the block."""
    original = DatabaseWrapper.init_connection_state

    def init_connection_state(self: DatabaseWrapper) -> None:
        original(self)
        with self.cursor() as cursor:
            cursor.execute(f"SET {name} = '{value}'")

    connection.close()
    try:
        with patch.object(DatabaseWrapper, "init_connection_state", init_connection_state):
            yield
    finally:
        connection.close()
        connections[DEFAULT_DB_ALIAS].close_pool()  # type: ignore[attr-defined]


def count_round_trips(call: Callable[[], object]) -> int:
    """Run ``call`` and return how many queries Django logs for it on this thread's connection.

    Statements that are sent together count as one.
    """
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


def wait_for_lock_waiters(count: int = 1) -> None:
    """Wait until ``count`` sessions of this database wait for a lock."""
    # In a transaction, pg_stat_activity would show the same snapshot every time.
    with second_connection(autocommit=True) as other:

        def enough_wait() -> bool:
            [(waiters,)] = other.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall()
            return int(waiters) >= count

        wait_until(enough_wait)


def run_and_disconnect(call: Callable[[], T]) -> T:
    """Run ``call`` in a worker thread, then close this thread's database connection."""
    try:
        return call()
    finally:
        connections.close_all()
