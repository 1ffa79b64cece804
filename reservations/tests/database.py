"""Somebody else at the database, and waiting for what happens there."""

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
def second_connection() -> Iterator[psycopg.Connection]:
    """Somebody else at the same database."""
    params = connection.get_connection_params()
    with psycopg.connect(**params) as other:
        yield other


@contextmanager
def locked(event: Event) -> Iterator[psycopg.Connection]:
    """Hold the event's row, as a slow transaction would, on the connection that is given."""
    with second_connection() as other:
        other.execute("SELECT FROM reservations_event WHERE id = %s FOR NO KEY UPDATE", [event.pk])
        yield other


@contextmanager
def setting(name: str, value: str) -> Iterator[None]:
    """Change a setting of every database session that is used meanwhile."""
    original = DatabaseWrapper.init_connection_state

    def init_connection_state(self: DatabaseWrapper) -> None:
        original(self)
        with self.cursor() as cursor:
            cursor.execute(f"SET {name} = '{value}'")

    connection.close()
    with patch.object(DatabaseWrapper, "init_connection_state", init_connection_state):
        yield
    connection.close()
    connections[DEFAULT_DB_ALIAS].close_pool()  # type: ignore[attr-defined]


def verbs(queries: CaptureQueriesContext) -> list[list[str]]:
    """Return the first word of each statement, grouped by round trip."""
    return [[statement.split()[0] for statement in query["sql"].split(";")] for query in queries]


# What a transaction that sells sends; the last is Django's, and goes nowhere.
SALE = [
    ["BEGIN"],
    ["SET", "SELECT", "SELECT"],  # the lock, the clock
    ["UPDATE", "INSERT", "INSERT", "COMMIT"],
    ["COMMIT"],
]


def wait_for_a_waiter(waiters: int = 1) -> None:
    """Return when so many transactions wait for a lock."""

    def waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            [(found,)] = cursor.fetchall()
        return int(found) >= waiters

    wait_until(waiting)


def in_a_thread(call: Callable[[], T]) -> T:
    """Call, and give up this thread's connection afterwards."""
    try:
        return call()
    finally:
        connections.close_all()
