"""JSON responses for requests that gunicorn rejects, with the same status codes as gunicorn."""

import json
import socket
from ssl import SSLError
from uuid import uuid4

from gunicorn import util
from gunicorn.http import errors

_BAD_REQUEST = (400, "Bad Request")
_FORBIDDEN = (403, "Forbidden")
_INTERNAL_ERROR = (500, "Internal Server Error")

# The first matching entry wins.
_RESPONSES: tuple[tuple[type[BaseException], tuple[int, str]], ...] = (
    (errors.InvalidResponseHeader, _INTERNAL_ERROR),  # the application's fault
    (errors.InvalidResponseHeaderName, _INTERNAL_ERROR),
    (errors.ConfigurationProblem, _INTERNAL_ERROR),
    (errors.LimitRequestLine, (414, "URI Too Long")),
    (errors.LimitRequestHeaders, (431, "Request Header Fields Too Large")),
    (errors.ExpectationFailed, (417, "Expectation Failed")),
    (errors.UnsupportedTransferCoding, (501, "Bad Request")),
    (errors.ForbiddenProxyRequest, _FORBIDDEN),
    (SSLError, _FORBIDDEN),
    (errors.ParseException, _BAD_REQUEST),
    (BaseException, _INTERNAL_ERROR),
)


def find_response(error: BaseException) -> tuple[int, str]:
    """Return the status code and reason phrase for an exception raised by gunicorn."""
    return next(response for each, response in _RESPONSES if isinstance(error, each))


def write_error(sock: socket.socket, status: int, reason: str) -> None:
    """Write an HTTP response with ``status`` and a JSON error body to ``sock``."""
    code = "invalid" if status == 400 else reason.lower().replace(" ", "_")  # noqa: PLR2004
    body = json.dumps({"error": reason, "code": code}, separators=(",", ":"))
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {uuid4().hex}",
    )
    response = "\r\n".join([*head, "", body]).encode("latin-1")
    util.write_nonblock(sock, response)  # type: ignore[no-untyped-call]
