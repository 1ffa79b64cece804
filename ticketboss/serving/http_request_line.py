"""The first line of an HTTP/1 request: its method, target and version."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from ticketboss.serving.errors import RequestError

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ABSOLUTE_TARGET = re.compile(rb"https?://([^/?@]+)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE)
_VERSIONS = frozenset({"1.0", "1.1"})


def check_request_line(head: bytes, method: bytes, target: bytes, version: str) -> None:
    """Check that the head starts with exactly this method, target and version of HTTP/1.

    llhttp also accepts HTTP/0.9, RTSP, ICE, leading empty lines and several spaces.

    Raises:
        RequestError: the request line is invalid or unsupported.
    """
    if not head.startswith(b"%b %b HTTP/%b\r\n" % (method, target, version.encode())):
        raise RequestError(400, "invalid request line")
    if method == b"CONNECT":
        raise RequestError(400, "CONNECT is for proxies")
    if version not in _VERSIONS:
        raise RequestError(400, f"HTTP/{version} is not supported")


def unknown_method(head: bytes) -> RequestError:
    """Return the error for a head whose method llhttp does not know."""
    method = head.partition(b" ")[0]
    if _TOKEN.fullmatch(method) and method.isupper():
        return RequestError(501, "unknown method")
    return RequestError(400, "invalid request line")


def add_target(target: bytes, environ: dict[str, Any]) -> None:
    """Add the target's path and query to ``environ``, and its host if the target is a URL.

    Raises:
        RequestError: the target is invalid, or its host differs from the Host header.
    """
    if b"#" in target:
        raise RequestError(400, "the target has a fragment")
    host = b""
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
    else:
        found = _ABSOLUTE_TARGET.fullmatch(target)
        if not found:
            raise RequestError(400, "the target is neither a path nor a URL")
        host, path, query = (part or b"" for part in found.groups())
    environ["QUERY_STRING"] = query.decode()
    path = path or b"/"
    environ["PATH_INFO"] = (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
    if host:
        _use_host(host.decode(), environ)


def _use_host(host: str, environ: dict[str, Any]) -> None:
    """Take the host from a URL as the target, and refuse a Host that differs (RFC 9112 3.2.2)."""
    if environ.setdefault("HTTP_HOST", host).lower() != host.lower():
        raise RequestError(400, "Host differs from the host in the target")
