"""gunicorn's own answers, as our worker class gives them."""

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


# gunicorn takes a broken PROXY header for a fault of its own.
PARSE_ERRORS = sorted(set(subclasses(errors.ParseException)) - {errors.InvalidProxyHeader}, key=str)


def instance(cls: type) -> Exception:
    """Make an error without what its class wants to know."""

    class Bare(cls):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

        def __str__(self) -> str:
            return "why"

    return Bare()


def answer(error: BaseException) -> tuple[int, dict[str, Any], Mock]:
    """Return the status and body that the worker sends to a client, and its log."""
    ours, client = socket.socketpair()
    log = Mock()
    with ours, client:
        GeventWorker.handle_error(SimpleNamespace(log=log), None, ours, ("::1", 1), error)  # type: ignore[arg-type]
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
    assert b"X-Request-ID: " in head
    return int(head.split()[1]), json.loads(body), log


@pytest.mark.parametrize("cls", [*PARSE_ERRORS, SSLError, ValueError])
def test_a_status_is_the_one_that_gunicorn_gives(cls: type) -> None:
    error = instance(cls)
    with patch("gunicorn.util.write_error") as write_error:
        Worker.handle_error(Mock(), None, Mock(), ("::1", 1), error)
    status, body, log = answer(error)
    assert status == write_error.call_args.args[1]
    assert body.keys() == {"error", "code"}
    assert log.exception.called is (status == 500)
    assert log.warning.called is (status != 500)


def test_a_client_that_is_gone_does_no_harm() -> None:
    ours, client = socket.socketpair()
    client.close()
    with ours:
        ours.shutdown(socket.SHUT_WR)
        GeventWorker.handle_error(SimpleNamespace(log=Mock()), None, ours, None, ValueError())  # type: ignore[arg-type]
