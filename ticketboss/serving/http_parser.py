"""Parses the head of an HTTP/1 request into a WSGI environ.

llhttp, Node.js's parser, checks the syntax (https://github.com/MagicStack/httptools). This module
limits sizes, and uses three others for what RFC 9112 requires beyond syntax: http_request_line.py,
http_headers.py and http_framing.py. docs/decisions/0013-http-server.md compares the result with
gunicorn's own parser.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httptools

from ticketboss.serving.errors import RequestError
from ticketboss.serving.http_framing import Framing, check_transfer_encoding, find_framing
from ticketboss.serving.http_headers import HeaderReader
from ticketboss.serving.http_request_line import add_target, check_request_line, unknown_method

Environ = dict[str, Any]

MAX_REQUEST_LINE_BYTES = 4094  # gunicorn's default
MAX_HEADER_BYTES = 8190  # gunicorn's default, with CRLF
MAX_HEADERS = 100  # gunicorn's default
MAX_HEAD_BYTES = 32 * 1024

_END = b"\r\n\r\n"
_NOT_IN_TRAILERS = frozenset(
    {
        "CONTENT_LENGTH",
        "HTTP_AUTHORIZATION",
        "HTTP_HOST",
        "HTTP_TE",
        "HTTP_TRAILER",
        "HTTP_TRANSFER_ENCODING",
    }
)


def find_end(received: bytes | bytearray, start: int = 0) -> int:
    """Return the length of the head at the start of ``received``, or 0 if it is incomplete.

    Args:
        received: the bytes of one or more requests.
        start: the offset at which to resume the search.

    Raises:
        RequestError: the head is already too long, or has a line without CR.
    """
    end = received.find(_END, max(0, start - len(_END)))
    if (end if end >= 0 else len(received)) > MAX_REQUEST_LINE_BYTES:
        _check_sizes(received[:end] if end >= 0 else received)
    if end >= 0:
        return end + len(_END)
    lines = received.count(b"\n")
    if lines != received.count(b"\r\n"):
        raise RequestError(400, "a line does not end with CRLF")
    if lines > MAX_HEADERS + 2:  # with the request line, and an empty one before it
        raise RequestError(431, f"more than {MAX_HEADERS} headers")
    return 0


def _check_sizes(head: bytes | bytearray) -> None:
    request_line, *headers = head.removeprefix(b"\r\n").split(b"\r\n")
    if len(request_line) > MAX_REQUEST_LINE_BYTES:
        raise RequestError(414, f"the request line is over {MAX_REQUEST_LINE_BYTES} bytes")
    if any(len(header) + len(b"\r\n") > MAX_HEADER_BYTES for header in headers):
        raise RequestError(431, f"a header is over {MAX_HEADER_BYTES} bytes")
    if len(head) > MAX_HEAD_BYTES:
        raise RequestError(431, f"the headers are over {MAX_HEAD_BYTES} bytes")


def parse(head: bytes, environ: Environ) -> Framing:
    """Add the request's method, target and headers to ``environ``.

    Args:
        head: a request line and headers, with the empty line that ends them.
        environ: what is known about the connection.

    Raises:
        RequestError: the request is malformed or asks for something unsupported. ``environ``
            contains what could be read.
    """
    request = HeaderReader(environ)
    parser = httptools.HttpRequestParser(request)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # CONNECT, or an offer to change the protocol, which a server may ignore.
    except httptools.HttpParserInvalidMethodError as error:
        raise unknown_method(head) from error
    except httptools.HttpParserError as error:
        environ["REQUEST_METHOD"] = parser.get_method().decode()
        with suppress(RequestError):  # Only one error can be reported.
            add_target(request.target, environ)
        check_transfer_encoding(environ)
        raise RequestError(400, str(error)) from error
    check_request_line(head, parser.get_method(), request.target, parser.get_http_version())
    environ["REQUEST_METHOD"] = parser.get_method().decode()
    environ["SERVER_PROTOCOL"] = f"HTTP/{parser.get_http_version()}"
    if request.count > MAX_HEADERS:
        raise RequestError(431, f"more than {MAX_HEADERS} headers")
    request.check()
    add_target(request.target, environ)
    return find_framing(environ)


def check_trailers(trailers: bytes) -> None:
    """Check the lines that may follow the last chunk of a body.

    Raises:
        RequestError: they are malformed, or one of them has no meaning there (RFC 9110 6.5.1).
    """
    environ: Environ = {}
    try:
        httptools.HttpRequestParser(HeaderReader(environ)).feed_data(
            b"GET / HTTP/1.1\r\n" + trailers + b"\r\n\r\n"
        )
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise RequestError(400, f"invalid trailer: {error}") from error
    if not _NOT_IN_TRAILERS.isdisjoint(environ):
        raise RequestError(400, "a header is not allowed as a trailer")


def read_incomplete(head: bytes, environ: Environ) -> None:
    """Add to ``environ`` what can be read of a head that is refused before it is complete."""
    request = HeaderReader(environ)
    with suppress(httptools.HttpParserError):
        httptools.HttpRequestParser(request).feed_data(head)
    with suppress(RequestError):
        add_target(request.target, environ)


def forwarded_scheme(environ: Environ, headers: Mapping[str, str]) -> str:
    """Return the scheme that a trusted proxy's headers report, or "" if there are none.

    Args:
        environ: the request. A header that was sent several times has several values.
        headers: keys of the environ, and the value of each that means https.

    Raises:
        RequestError: two values disagree.
    """
    schemes = {
        "https" if value.strip() == secure else "http"
        for key, secure in headers.items()
        if key in environ
        for value in environ[key].split(",")
    }
    if len(schemes) > 1:
        raise RequestError(400, "headers disagree about the scheme")
    return schemes.pop() if schemes else ""
