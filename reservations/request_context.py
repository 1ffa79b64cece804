"""The id of the HTTP request that is being served, for logs and the history of events."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by ``ticketboss.middleware.request_log``; empty outside a request."""
