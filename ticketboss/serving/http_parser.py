"""Parses the head of an HTTP/1 request into a WSGI environ.

llhttp, Node.js's parser, checks the syntax (https://github.com/MagicStack/httptools). This module
adds what RFC 9112 asks for beyond syntax, and limits on sizes. docs/decisions/0013-http-server.md
compares the result with gunicorn's own parser.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import httptools

from ticketboss.serving.errors import RequestError

Environ = dict[str, Any]

MAX_REQUEST_LINE_BYTES = 4094  # gunicorn's default
MAX_HEADER_BYTES = 8190  # gunicorn's default, with CRLF
MAX_HEADERS = 100  # gunicorn's default
MAX_HEAD_BYTES = 32 * 1024

_END = b"\r\n\r\n"
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ABSOLUTE_TARGET = re.compile(rb"https?://([^/?@]+)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE)
_VERSIONS = frozenset({"1.0", "1.1"})
# A second value would make the request ambiguous. llhttp itself refuses a second Content-Length.
_SINGLETONS = frozenset({"HTTP_HOST", "CONTENT_TYPE"})
# Headers by which proxies report the scheme. They may be repeated, but must agree.
_SCHEMES = frozenset(
    {"HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SSL"}
)
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
_MAX_LENGTH_DIGITS = 20  # of 2**64, the most that llhttp accepts


class Framing(NamedTuple):
    """How the rest of a request, and of its connection, is to be read."""

    length: int
    """The Content-Length, 0 if there is none."""
    chunked: bool
    keep_alive: bool
    """Whether the client wants to send more requests on this connection."""
    expects_continue: bool
    """Whether the client waits for ``100 Continue`` before it sends the body."""


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
    request = _Request(environ)
    parser = httptools.HttpRequestParser(request)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # CONNECT, or an offer to change the protocol, which a server may ignore.
    except httptools.HttpParserInvalidMethodError as error:
        raise _unknown_method(head) from error
    except httptools.HttpParserError as error:
        environ["REQUEST_METHOD"] = parser.get_method().decode()
        with suppress(RequestError):  # Only one error can be reported.
            _add_target(request.target, environ)
        _check_transfer_encoding(environ)
        raise RequestError(400, str(error)) from error
    _check_request_line(head, parser.get_method(), request.target, parser.get_http_version())
    environ["REQUEST_METHOD"] = parser.get_method().decode()
    environ["SERVER_PROTOCOL"] = f"HTTP/{parser.get_http_version()}"
    request.check_headers()
    _add_target(request.target, environ)
    return _framing(environ)


def check_trailers(trailers: bytes) -> None:
    """Check the lines that may follow the last chunk of a body.

    Raises:
        RequestError: they are malformed, or one of them has no meaning there (RFC 9110 6.5.1).
    """
    environ: Environ = {}
    try:
        httptools.HttpRequestParser(_Request(environ)).feed_data(
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
    request = _Request(environ)
    with suppress(httptools.HttpParserError):
        httptools.HttpRequestParser(request).feed_data(head)
    with suppress(RequestError):
        _add_target(request.target, environ)


class _Request:
    """Receives httptools' callbacks."""

    def __init__(self, environ: Environ) -> None:
        self.environ = environ
        self.target = b""
        self.count = 0
        self.repeated = ""

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        key = _environ_key(name)
        if not key:
            return
        text = value.decode("latin-1").rstrip(" \t")
        if key not in self.environ:
            self.environ[key] = text
        elif key in _SINGLETONS or (key in _SCHEMES and self.environ[key] != text):
            self.repeated = name.decode()
        elif key in _SCHEMES:
            return
        else:
            self.environ[key] += f",{text}"

    def check_headers(self) -> None:
        if self.count > MAX_HEADERS:
            raise RequestError(431, f"more than {MAX_HEADERS} headers")
        if self.repeated:
            raise RequestError(400, f"more than one {self.repeated} header")
        if "HTTP_HOST" not in self.environ and self.environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            raise RequestError(400, "no Host header")


@lru_cache(maxsize=1024)
def _environ_key(name: bytes) -> str:
    """Return the key for a header, or "" to ignore the header.

    WSGI has the same key for ``X-Name`` and ``X_Name``, so a client could add to a header that a
    proxy sets. Names with an underscore are therefore ignored.
    """
    if b"_" in name:
        return ""
    key = name.decode().upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def _check_request_line(head: bytes, method: bytes, target: bytes, version: str) -> None:
    """Refuse what llhttp accepts: HTTP/0.9, RTSP, ICE, leading empty lines, several spaces."""
    if not head.startswith(b"%b %b HTTP/%b\r\n" % (method, target, version.encode())):
        raise RequestError(400, "invalid request line")
    if method == b"CONNECT":
        raise RequestError(400, "CONNECT is for proxies")
    if version not in _VERSIONS:
        raise RequestError(400, f"HTTP/{version} is not supported")


def _unknown_method(head: bytes) -> RequestError:
    method = head.partition(b" ")[0]
    if _TOKEN.fullmatch(method) and method.isupper():
        return RequestError(501, "unknown method")
    return RequestError(400, "invalid request line")


def _add_target(target: bytes, environ: Environ) -> None:
    if b"#" in target:
        raise RequestError(400, "the target has a fragment")
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
    else:
        found = _ABSOLUTE_TARGET.fullmatch(target)
        if not found:
            raise RequestError(400, "the target is neither a path nor a URL")
        host, path, query = (part or b"" for part in found.groups())
        _use_host(host.decode(), environ)
    environ["QUERY_STRING"] = query.decode()
    path = path or b"/"
    environ["PATH_INFO"] = (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")


def _use_host(host: str, environ: Environ) -> None:
    """Take the host from a URL as the target, and refuse a Host that differs (RFC 9112 3.2.2)."""
    if environ.setdefault("HTTP_HOST", host).lower() != host.lower():
        raise RequestError(400, "Host differs from the host in the target")


def _framing(environ: Environ) -> Framing:
    http_1_0 = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    chunked = _check_transfer_encoding(environ)
    if chunked and http_1_0:
        raise RequestError(400, "Transfer-Encoding in HTTP/1.0")
    expect = environ.get("HTTP_EXPECT")
    if expect and expect.lower() != "100-continue":
        raise RequestError(417, "unknown expectation")
    length = environ.get("CONTENT_LENGTH", "0")
    if len(length) > _MAX_LENGTH_DIGITS:
        raise RequestError(400, "invalid Content-Length")
    return Framing(
        length=int(length),
        chunked=chunked,
        keep_alive=_keep_alive(environ.get("HTTP_CONNECTION"), default=not http_1_0),
        expects_continue=bool(expect) and not http_1_0,
    )


def _keep_alive(connection: str | None, *, default: bool) -> bool:
    if connection is None:
        return default
    options = {option.strip() for option in connection.lower().split(",")}
    return "close" not in options and (default or "keep-alive" in options)


def _check_transfer_encoding(environ: Environ) -> bool:
    """Return whether the body is chunked.

    Raises:
        RequestError: the body has any other coding (RFC 9112 6.1).
    """
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding and coding.lower() != "chunked":
        raise RequestError(501, "unsupported transfer coding")
    return coding is not None


def forwarded_scheme(environ: Environ, headers: Mapping[str, str]) -> str:
    """Return the scheme that a trusted proxy's headers report, or "" if there are none.

    Args:
        environ: the request.
        headers: keys of the environ, and the value of each that means https.

    Raises:
        RequestError: two headers disagree.
    """
    schemes = {
        "https" if environ[key] == secure else "http"
        for key, secure in headers.items()
        if key in environ
    }
    if len(schemes) > 1:
        raise RequestError(400, "headers disagree about the scheme")
    return schemes.pop() if schemes else ""
