"""What clients see when a server is told to stop."""

import http.client
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from reservations.tests.waiting import wait_until
from ticketboss.tests.programs import ServerProcess, locked_events, wait_until_blocking

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

# Less than an idle connection may wait for another request.
SOON = 3


def test_stopped_server_is_not_ready_and_finishes_requests(migrated_home: Path) -> None:
    with (
        ServerProcess(migrated_home, REQUEST_TIMEOUT="30") as server,
        ThreadPoolExecutor(1) as pool,
        closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as probe,
    ):
        with locked_events(server) as locking:
            in_flight = pool.submit(server.reserve)
            wait_until_blocking(locking)
            assert ready(probe) == (200, "ok")
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: ready(probe) == (503, "not_ready"))
            wait_until(lambda: refuses_connections(server))
            assert not in_flight.done()
        assert in_flight.result(30).status == 201
        assert server.process.wait(30) == 0


def refuses_connections(server: ServerProcess) -> bool:
    try:
        server.request("GET", "/health")
    except ConnectionRefusedError:
        return True
    except OSError:  # accepted, but closed without an answer
        pass
    return False


def ready(connection: http.client.HTTPConnection) -> tuple[int, str]:
    connection.request("GET", "/ready")
    response = connection.getresponse()
    body = json.loads(response.read())
    return response.status, body.get("code") or body["status"]


def test_idle_connection_does_not_delay_the_stop(server: ServerProcess) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as idle:
        idle.request("GET", "/health")
        idle.getresponse().read()
        server.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert idle.sock.recv(1) == b""
        assert time.monotonic() - started < SOON
        assert server.process.wait(30) == 0
