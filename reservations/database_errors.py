"""What the exceptions of the database mean: unavailable, or a violated constraint."""

from collections.abc import Iterator
from contextlib import contextmanager

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


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that was violated, or None if it has none."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return diagnostics and diagnostics.constraint_name
