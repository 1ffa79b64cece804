"""Error responses that the gunicorn worker sends itself."""

import json
import socket
from collections.abc import Iterator
from ssl import SSLError
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import pytest
from gunicorn.http import errors
from gunicorn.workers.base import Worker

from ticketboss.serving.gevent_worker import GeventWorker


def subclasses(cls: type) -> Iterator[type]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


# For an invalid PROXY header, gunicorn answers 500 and our worker 400.
PARSE_ERRORS = sorted(set(subclasses(errors.ParseException)) - {errors.InvalidProxyHeader}, key=str)


def instance(cls: type) -> Exception:
    """Create an exception without the arguments that its class requires."""

    class Bare(cls):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

        def __str__(self) -> str:
            return "reason"

    return Bare()


def handle(error: BaseException) -> tuple[int, dict[str, Any], Mock]:
    """Let the worker handle ``error``; return the status and body it sends, and its log."""
    server_end, client = socket.socketpair()
    log = Mock()
    with server_end, client:
        GeventWorker.handle_error(SimpleNamespace(log=log), None, server_end, ("::1", 1), error)  # type: ignore[arg-type]
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
    assert b"X-Request-ID: " in head
    return int(head.split()[1]), json.loads(body), log


@pytest.mark.parametrize("cls", [*PARSE_ERRORS, SSLError, ValueError])
def test_error_response_is_json_with_the_status_of_gunicorn(cls: type) -> None:
    error = instance(cls)
    with patch("gunicorn.util.write_error") as write_error:
        Worker.handle_error(Mock(), None, Mock(), ("::1", 1), error)
    status, body, log = handle(error)
    assert status == write_error.call_args.args[1]
    assert body.keys() == {"error", "code"}
    assert log.exception.called is (status == 500)
    assert log.warning.called is (status != 500)


def test_error_response_to_a_closed_connection_is_ignored() -> None:
    server_end, client = socket.socketpair()
    client.close()
    with server_end:
        server_end.shutdown(socket.SHUT_WR)
        GeventWorker.handle_error(SimpleNamespace(log=Mock()), None, server_end, None, ValueError())  # type: ignore[arg-type]
