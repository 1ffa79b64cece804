"""Encodes a WSGI application's response as HTTP/1.1."""

import time
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from typing import Any

# These have no body, and a Content-Length would be that of the 200 (RFC 9110 8.6).
_BODILESS = frozenset({"204", "304"})
# A WSGI application must not set these (PEP 3333).
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


class Response:
    """The response to one request.

    Args:
        method: the request's method, None if it could not be read.
        protocol: ``HTTP/1.0`` for a client that does not know chunked bodies and closes connections
            by default.
    """

    def __init__(self, method: str | None, protocol: str | None) -> None:
        self.close = True
        """Whether to close the connection after this response."""
        self._head_only = method == "HEAD"
        self._http_1_0 = protocol == "HTTP/1.0"
        self._status = ""
        self._headers: list[tuple[str, str]] = []

    def start(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        """Set the status and the headers (WSGI's ``start_response``)."""
        self._status = status
        self._headers = headers

    def encode(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes to send; the head comes with the body, unless that is streamed.

        Raises:
            ValueError: a header contains a line break, or the body exceeds its Content-Length.
        """
        bodiless = self._status[:3] in _BODILESS
        headers, length = self._own_headers(bodiless=bodiless)
        if bodiless or self._head_only:
            yield self._head(headers)
        elif length is not None:
            yield from self._encode_sized(self._head(headers), body, length)
        elif self._http_1_0:
            self.close = True  # This ends the body.
            yield self._head(headers)
            yield from body
        else:
            yield self._head([*headers, "Transfer-Encoding: chunked"])
            yield from (b"%x\r\n%b\r\n" % (len(part), part) for part in body if part)
            yield b"0\r\n\r\n"

    def _encode_sized(self, head: bytes, body: Iterable[bytes], length: int) -> Iterator[bytes]:
        unsent, left = head, length
        for part in body:
            left -= len(part)
            if left < 0:
                raise ValueError(f"the body is longer than its Content-Length {length}")
            yield unsent + part
            unsent = b""
        if unsent:
            yield unsent
        if left:
            self.close = True  # The client must not take the next response for the rest of this.

    def _own_headers(self, *, bodiless: bool) -> tuple[list[str], int | None]:
        """Return the lines of the application's headers, and the Content-Length if there is one."""
        lines, length = [], None
        for name, value in self._headers:
            lowered = name.lower()
            if lowered == "content-length":
                length = int(value)
                if bodiless:
                    continue
            elif lowered in _HOP_BY_HOP:
                continue
            lines.append(f"{name}: {value.strip()}")
        return lines, length

    def _head(self, headers: list[str]) -> bytes:
        lines = [f"HTTP/1.1 {self._status}", f"Date: {_date(int(time.time()))}", *headers]
        if self.close:
            lines.append("Connection: close")
        elif self._http_1_0:
            lines.append("Connection: keep-alive")
        text = "\r\n".join([*lines, "", ""])
        # A line break in a header would let its author add headers, or a second response.
        if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
            raise ValueError("a header contains a line break")
        return text.encode("latin-1")


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
