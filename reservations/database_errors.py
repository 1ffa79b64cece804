"""What Django raises when the database cannot serve a request, though the request is sound."""

from django.db import InterfaceError, InternalError, OperationalError

UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
"""A lock, statement or pool timeout, a deadlock, a refused or lost connection are operational
errors; a connection ended while idle in a transaction, or one to a standby, an internal one."""
