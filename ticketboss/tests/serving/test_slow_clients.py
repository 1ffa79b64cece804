"""Clients that are slow or send too much, against a real server."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from ticketboss.serving import http_connection
from ticketboss.tests.programs import SERVE, ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

POST = (
    b"POST /reservations HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
# More than the buffers of both sides hold: the schema is over 200 kB.
SCHEMAS = b"GET /api/schema HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400
SLOW_CLIENTS = 24
# Well below the deadlines: the server must not have waited for one of them.
SOON = 4


@pytest.fixture(scope="module")
def server(shared_home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(shared_home, WORKER_CONNECTIONS="20") as server:
        yield server


def connect(server: ServerProcess, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(sent)
    return connection


def read(connection: socket.socket) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        return b"reset"
    return received


def wait_for_end(server: ServerProcess, sent: bytes) -> tuple[bytes, float]:
    """Send ``sent``; return the answer, and the seconds until the connection is closed."""
    started = time.monotonic()
    with closing(connect(server, sent)) as connection:
        return read(connection), time.monotonic() - started


def drip(server: ServerProcess) -> tuple[bytes, float]:
    """Send a head byte by byte; return the answer, and the seconds until it came."""
    started, answer = time.monotonic(), b""
    with closing(connect(server)) as connection:
        connection.settimeout(0.5)
        for byte in HEALTH * 3:
            with suppress(TimeoutError):
                connection.sendall(bytes([byte]))
                if answer := connection.recv(65536):
                    break
    return answer, time.monotonic() - started


def take_no_answer(server: ServerProcess) -> tuple[bytes, float]:
    """Ask for more than fits into the buffers, and read it too late."""
    started = time.monotonic()
    with closing(connect(server, SCHEMAS)) as connection:
        time.sleep(http_connection.SEND_SECONDS + 1)
        answers = read(connection)
    return answers, time.monotonic() - started


def test_slow_clients_are_disconnected(server: ServerProcess) -> None:
    """All wait at the same time, because the deadlines are long."""
    cases: dict[str, tuple[Callable[[], tuple[bytes, float]], bytes, float]] = {
        "connect": (lambda: wait_for_end(server, b""), b"", http_connection.IDLE_SECONDS),
        "keep-alive": (
            lambda: wait_for_end(server, HEALTH),
            b"HTTP/1.1 200 ",
            http_connection.IDLE_SECONDS,
        ),
        "half a head": (
            lambda: wait_for_end(server, HEALTH[:30]),
            b"HTTP/1.1 408 ",
            http_connection.HEAD_SECONDS,
        ),
        "a head byte by byte": (
            lambda: drip(server),
            b"HTTP/1.1 408 ",
            http_connection.HEAD_SECONDS,
        ),
        "half a body": (
            lambda: wait_for_end(server, POST % 50 + b"{"),
            b"HTTP/1.1 408 ",
            http_connection.BODY_SECONDS,
        ),
        "no answer taken": (lambda: take_no_answer(server), b"", http_connection.SEND_SECONDS),
    }
    with ThreadPoolExecutor(len(cases)) as pool:
        results = {name: pool.submit(case[0]) for name, case in cases.items()}
        for name, (_, status, seconds) in cases.items():
            answer, waited = results[name].result()
            assert answer.startswith(status), name
            assert seconds <= waited < seconds + SOON, name
    # Not all of the answers were taken.
    assert results["no answer taken"].result()[0].count(b"HTTP/1.1 200 ") < SCHEMAS.count(b"GET")


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /health HTTP/1.1\r\nHo", POST % 50 + b"{", SCHEMAS],
    ids=["connect", "half-a-head", "half-a-body", "no-answer-taken"],
)
def test_slow_clients_on_all_connections_do_not_block_others(
    server: ServerProcess, sent: bytes
) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(SLOW_CLIENTS) as pool:
        slow = [
            stack.enter_context(closing(connection))
            for connection in pool.map(lambda _: connect(server, sent), range(SLOW_CLIENTS))
        ]
        for path in ("/health", "/reservations"):
            started = time.monotonic()
            assert server.request("GET", path).status == 200
            assert time.monotonic() - started < SOON
        assert len(slow) == SLOW_CLIENTS


def test_low_limit_of_open_files_lowers_the_connections(migrated_home: Path) -> None:
    limited = ["bash", "-c", 'ulimit -n 160; exec "$@"', "bash", *SERVE, "--no-worker"]
    with (
        ServerProcess(migrated_home, command=limited) as server,
        ExitStack() as stack,
        ThreadPoolExecutor(SLOW_CLIENTS) as pool,
    ):
        for slow in pool.map(lambda _: connect(server, HEALTH[:9]), range(200)):
            stack.enter_context(closing(slow))
        assert server.request("GET", "/health").status == 200
    assert "Each process accepts 88 connections instead of WORKER_CONNECTIONS=1000" in server.output
    assert "Traceback" not in server.output


def test_client_can_read_413_although_it_sends_its_body(server: ServerProcess) -> None:
    body = b" " * 200_000
    for path in (b"/reservations", b"/health", b"/nowhere", b"/api/v1/bookings/x/cancel"):
        request = (POST % len(body)).replace(b"/reservations", path) + body
        with closing(connect(server, request)) as connection:
            answer = read(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"65536 bytes" in answer


def test_long_forms_are_for_visitors_who_have_logged_in(server: ServerProcess) -> None:
    """Without a login, the form has no CSRF token, or is refused for its length."""
    for size, status in (64 * 1024, b"403"), (64 * 1024 + 1, b"413"), (1024 * 1024, b"413"):
        head = (POST % size).replace(b"/reservations", b"/admin/login/")
        head = head.replace(b"application/json", b"application/x-www-form-urlencoded")
        with closing(connect(server, head + b"x" * size)) as connection:
            assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_too_many_form_fields_are_a_warning_without_traceback(server: ServerProcess) -> None:
    form = b"&".join(b"a%d=1" % number for number in range(1001))
    head = (POST % len(form)).replace(b"/reservations", b"/admin/login/")
    cookie = b"\r\nCookie: csrftoken=" + b"x" * 32
    head = head.replace(b"application/json", b"application/x-www-form-urlencoded" + cookie)
    with closing(connect(server, head + form)) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    [line] = [line for line in server.output.splitlines() if "number of GET/POST" in line]
    assert "[warning" in line
    assert "Traceback" not in server.output
