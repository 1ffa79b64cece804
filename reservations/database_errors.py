"""Connecting to the database, and what its exceptions mean."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
)

from reservations.errors import Busy

log = structlog.get_logger(__name__)

UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
"""The exceptions that Django raises when the database cannot serve a valid request.

``OperationalError`` covers lock, statement and pool timeouts, deadlocks, and refused or lost
connections. ``InternalError`` covers a connection closed while idle in a transaction, and a
connection to a standby."""


@contextmanager
def busy_if_unavailable() -> Iterator[None]:
    """Raise ``Busy`` if the database is unavailable inside the block, which must not write."""
    try:
        yield
    except UNAVAILABLE as error:
        log.warning("database.unavailable", reason=str(error))
        raise Busy from error


def connect() -> None:
    """Connect this thread to the database, if it is not connected.

    Raises:
        Busy: the database is unavailable, or all connections are in use.
    """
    with busy_if_unavailable():
        connection.ensure_connection()


def release_connection() -> None:
    """Return this thread's connection to the pool, before a wait that does not need it.

    Inside a transaction, the connection is kept.
    """
    if connection.connection is not None and not connection.in_atomic_block:
        connection.close()


def rolled_back(error: Exception) -> bool:
    """Return whether the server itself reported ``error``, and so rolled the transaction back.

    It did not if the connection was lost, even if the server sent a FATAL message first: that can
    arrive while a COMMIT that is already durable waits for a standby.
    """
    return _diagnostic(error, "severity_nonlocalized") == "ERROR"


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that was violated, or None if it has none."""
    return _diagnostic(error, "constraint_name")


def _diagnostic(error: Exception, field: str) -> str | None:
    cause = error.__cause__
    return getattr(cause.diag, field) if isinstance(cause, psycopg.Error) else None
