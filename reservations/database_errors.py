"""The exceptions that Django raises when the database cannot serve a valid request."""

from django.db import InterfaceError, InternalError, OperationalError

UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
"""``OperationalError`` covers lock, statement and pool timeouts, deadlocks, and refused or lost
connections. ``InternalError`` covers a connection closed while idle in a transaction, and a
connection to a standby."""
