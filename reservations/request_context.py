"""The HTTP request that is being served, for logs, the history of events and the audit log."""

from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by ``ticketboss.middleware.request_log``; empty outside a request."""

admin_request: ContextVar[Any] = ContextVar("admin_request", default=None)
"""Django's ``HttpRequest``, set by ``ticketboss.middleware.admin_only``; None outside the admin."""
