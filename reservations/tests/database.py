"""Somebody else at the database, and waiting for what happens there."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test.utils import CaptureQueriesContext

from reservations.models import Event

T = TypeVar("T")


@contextmanager
def second_connection() -> Iterator[psycopg.Connection]:
    """Somebody else at the same database."""
    params = connection.get_connection_params()
    with psycopg.connect(**params) as other:
        yield other


@contextmanager
def locked(event: Event) -> Iterator[None]:
    """Hold the event's row, as a slow transaction would."""
    with second_connection() as other:
        other.execute("SELECT FROM reservations_event WHERE id = %s FOR NO KEY UPDATE", [event.pk])
        yield


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
    deadline = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            [(waiting,)] = cursor.fetchall()
            if waiting >= waiters:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def in_a_thread(call: Callable[[], T]) -> T:
    """Call, and give up this thread's connection afterwards."""
    try:
        return call()
    finally:
        connections.close_all()
