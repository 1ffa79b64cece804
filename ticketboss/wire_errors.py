"""What gunicorn itself answers to what is no HTTP, or too much of it: JSON, as from the API."""

import json
import socket
from uuid import uuid4

from gunicorn import util


def answer_in_json() -> None:
    """Make gunicorn answer so, from now on; it has no setting for it."""
    util.write_error = _write_error


def _write_error(sock: socket.socket, status_int: int, reason: str, _message: str) -> None:
    code = "invalid" if status_int == 400 else reason.lower().replace(" ", "_")  # noqa: PLR2004
    body = json.dumps({"error": reason, "code": code}, separators=(",", ":"))
    head = (
        f"HTTP/1.1 {status_int} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {uuid4().hex}",
    )
    answer = "\r\n".join([*head, "", body]).encode("latin-1")
    util.write_nonblock(sock, answer)  # type: ignore[no-untyped-call]
