"""One request and its answer. Time and memory are limited, whatever the server sends."""

import io
import json
import time
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from socket import socket
from typing import Any, NamedTuple

TIMEOUT = 15.0
"""Seconds after which a request counts as unanswered; TicketBoss normally answers within 10."""
MAX_BODY = 256 * 1024
"""Maximum size of a body in bytes. A page of the change feed has about 25 KB."""
CONNECTION_ERRORS = (OSError, HTTPException)
"""The exceptions that a connection raises if it gets no answer."""


class BodyTooLarge(HTTPException):
    """The body has more than ``MAX_BODY`` bytes, so the server is not TicketBoss."""


class Answer(NamedTuple):
    """A complete answer."""

    status: int
    body: Any
    """The JSON value of the body, or None if it is not valid JSON."""
    location: str | None
    retry_after: str | None


def exchange(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send a request and return its answer; close the connection if there is none.

    Raises:
        OSError: the connection failed, or the answer was not complete within ``TIMEOUT`` seconds.
        HTTPException: the answer is not HTTP, or its body is too large.
    """
    # http.client calls this with a socket; the types describe the class that it replaces.
    connection.response_class = partial(_Response, time.monotonic() + TIMEOUT)  # type: ignore[assignment]
    try:
        if connection.sock:
            connection.sock.settimeout(TIMEOUT)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(
            response.status,
            parse_json(_read(response)),
            response.getheader("Location"),
            response.getheader("Retry-After"),
        )
    except CONNECTION_ERRORS:
        connection.close()
        raise


def parse_json(body: bytes) -> Any:
    """Return the JSON value in ``body``, or None if it is not valid JSON or nested too deeply."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def describe_error(error: Exception) -> str:
    """Describe a connection error in a few words."""
    if isinstance(error, TimeoutError):
        return f"no complete answer within {TIMEOUT:g} s"
    return getattr(error, "strerror", None) or type(error).__name__


def _read(response: HTTPResponse) -> bytes:
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise BodyTooLarge
    if response.length:  # read() does not report that the connection ended early.
        raise IncompleteRead(body, response.length)
    return body


class _Response(HTTPResponse):
    """A response whose head and body must arrive before ``deadline``."""

    def __init__(self, deadline: float, sock: socket, **arguments: Any) -> None:
        super().__init__(sock, **arguments)
        self.fp = io.BufferedReader(_Deadline(sock, deadline))


class _Deadline(io.RawIOBase):
    """Reads from a socket until ``deadline``, however slowly the bytes arrive.

    The timeout of a socket applies to each of its reads, so single bytes would prolong it forever.
    """

    def __init__(self, sock: socket, deadline: float) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
