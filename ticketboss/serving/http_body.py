"""The bodies of HTTP/1 requests, as ``wsgi.input``.

``wsgi.py`` reads each body in one call and gives Django a ``BytesIO``, so ``read`` is all they
need.
"""

from typing import TYPE_CHECKING, Any, cast

import gevent
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders, ParseException
from gunicorn.http.unreader import Unreader

from ticketboss.serving.errors import RequestError
from ticketboss.serving.http_parser import MAX_HEAD_BYTES, check_trailers

if TYPE_CHECKING:
    from ticketboss.serving.http_connection import Connection

# What the sizes and extensions of chunks may add to a body.
_MAX_OVERHEAD_BYTES = 64 * 1024
# How much is parsed before other requests may run, unless it is a part of one chunk. A chunk can be
# as short as 6 bytes, and for each, gunicorn copies the rest.
_PIECE_BYTES = 2 * 1024


class SizedBody:
    """A body with a Content-Length, or an empty body."""

    def __init__(self, connection: "Connection", length: int) -> None:
        self._connection = connection
        self._remaining = length

    @property
    def complete(self) -> bool:
        """Whether the next byte belongs to another request."""
        return not self._remaining

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, or what is left of the body.

        Raises:
            RequestError: the client is too slow, or has disconnected.
        """
        data = self._connection.take(min(size, self._remaining))
        self._remaining -= len(data)
        return data


class ChunkedBody:
    """A body in chunks, parsed by gunicorn. Trailers are discarded (RFC 9112 7.1.2)."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._source = _Source(connection)
        self._reader: Any = ChunkedReader(  # type: ignore[no-untyped-call]
            _Limits, self._source
        )
        self.complete = False
        """Whether the next byte belongs to another request."""

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, or what is left of the body.

        Raises:
            RequestError: the client is too slow, or has disconnected, or the chunks are malformed.
        """
        self._source.allowed = size + _MAX_OVERHEAD_BYTES
        try:
            data = cast("bytes", self._reader.read(size))
        except LimitRequestHeaders as error:
            raise RequestError(431, "the trailers are too long") from error
        except ParseException as error:
            raise RequestError(400, f"invalid chunk: {error}") from error
        if len(data) < size:
            self.complete = True
            self._connection.give_back(self._source.buf.getvalue() + self._source.unparsed)
        return data


class _Source(Unreader):
    """The source of bytes for gunicorn's ``ChunkedReader``."""

    def __init__(self, connection: "Connection") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._connection = connection
        self.allowed = 0
        """How many more bytes may be received."""
        self.unparsed = b""
        """What was received, but not yet parsed."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        if self.unparsed:
            gevent.sleep(0)  # type: ignore[no-untyped-call]
        else:
            self.unparsed = self._connection.take_some()
            self.allowed -= len(self.unparsed)
        if self.allowed < 0:
            raise RequestError(413, "Request body must be sent in larger chunks")
        size = max(size_hint or 0, _PIECE_BYTES)
        piece, self.unparsed = self.unparsed[:size], self.unparsed[size:]
        return piece


class _Limits:
    """The part of a request that gunicorn's ``ChunkedReader`` uses."""

    limit_request_field_size = _MAX_OVERHEAD_BYTES  # of the line with the size of a chunk
    max_buffer_headers = MAX_HEAD_BYTES

    @staticmethod
    def parse_headers(trailers: bytes, *, from_trailer: bool) -> None:  # noqa: ARG004
        check_trailers(trailers)
