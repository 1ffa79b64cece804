"""How to read the rest of a request and of its connection (RFC 9112 6 and 9)."""

from collections.abc import Mapping
from typing import NamedTuple

from ticketboss.serving.errors import RequestError

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


def find_framing(environ: Mapping[str, str]) -> Framing:
    """Return the framing that the headers in ``environ`` ask for.

    Raises:
        RequestError: the headers are invalid or ask for something unsupported.
    """
    http_1_0 = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    chunked = check_transfer_encoding(environ)
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


def check_transfer_encoding(environ: Mapping[str, str]) -> bool:
    """Return whether the body is chunked.

    Raises:
        RequestError: the body has any other coding (RFC 9112 6.1).
    """
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding and coding.lower() != "chunked":
        raise RequestError(501, "unsupported transfer coding")
    return coding is not None
