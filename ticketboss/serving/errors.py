"""Errors of requests that Django's views never see."""

from typing import Self

ERROR = "ticketboss.request_error"
"""The key under which the WSGI environ of a refused request has its ``RequestError``."""


class RequestError(Exception):
    """A request that the server refuses.

    Args:
        status: the HTTP status of the response.
        reason: what is wrong; it is logged and, except for 500 and 503, sent to the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status

    @classmethod
    def from_crash(cls, cause: Exception) -> Self:
        """Return the error of a request that failed for a reason that is not the client's."""
        error = cls(500, repr(cause))
        error.__cause__ = cause
        return error


class Disconnected(ConnectionError):
    """The client has closed or reset the connection."""
