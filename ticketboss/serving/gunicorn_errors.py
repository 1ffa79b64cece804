"""The answers to requests that are not HTTP, or too large: gunicorn's own, in JSON."""

import json
import socket
from ssl import SSLError
from uuid import uuid4

from gunicorn import util
from gunicorn.http import errors

_BAD_REQUEST = (400, "Bad Request")
_FORBIDDEN = (403, "Forbidden")
_INTERNAL_ERROR = (500, "Internal Server Error")

# The first that fits counts.
_ANSWERS: tuple[tuple[type[BaseException], tuple[int, str]], ...] = (
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


def find_answer(error: BaseException) -> tuple[int, str]:
    """Return the status and the reason phrase for what gunicorn raised."""
    return next(answer for each, answer in _ANSWERS if isinstance(error, each))


def write_error(sock: socket.socket, status: int, reason: str) -> None:
    """Answer with ``status`` and the body of an error."""
    code = "invalid" if status == 400 else reason.lower().replace(" ", "_")  # noqa: PLR2004
    body = json.dumps({"error": reason, "code": code}, separators=(",", ":"))
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {uuid4().hex}",
    )
    answer = "\r\n".join([*head, "", body]).encode("latin-1")
    util.write_nonblock(sock, answer)  # type: ignore[no-untyped-call]
