"""The responses that Django's views do not make: their headers, format, log line and metric."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from reservations.tests.waiting import wait_until
from ticketboss.tests.programs import (
    ServerProcess,
    free_port,
    locked_events,
    metrics,
    wait_until_blocking,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

SHOP = "https://shop.example"
LIMIT = 2
METRICS = f"127.0.0.1:{free_port()}"
HEADERS = f"Host: localhost\r\nOrigin: {SHOP}\r\nX-Request-ID: mine\r\n".encode()


class Answer(NamedTuple):
    """An HTTP response, with lower-case header names."""

    status: int
    headers: dict[str, str]
    body: dict[str, str]


@pytest.fixture(scope="module")
def server(shared_home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(
        shared_home,
        CORS_ALLOWED_ORIGINS=SHOP,
        MAX_CONCURRENT_REQUESTS=str(LIMIT),
        METRICS_BIND=METRICS,
        DJANGO_DEBUG="0",
        API_ACCESS="open",
        SECURE_SSL_REDIRECT="0",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="localhost,127.0.0.1",
        REQUEST_TIMEOUT="30",
    ) as server:
        yield server


def send(server: ServerProcess, request: bytes) -> Answer:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, json.loads(body) if body else {})


def line(path: str, method: str = "POST") -> bytes:
    return f"{method} {path} HTTP/1.1\r\n".encode() + HEADERS


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (b"Content-Length: 65537", 413, "payload_too_large"),
        (b"Content-Length: 9\r\n\r\n{", 400, "invalid"),
        (b"Expect: tea", 417, "expectation_failed"),
        (b"Transfer-Encoding: zip", 501, "not_implemented"),
        (b"Content-Type: text/plain; a*=x'en'%ff", 400, "invalid"),
    ],
    ids=["too-long", "incomplete", "expectation", "transfer-coding", "charset"],
)
def test_refused_request_gets_a_complete_response(
    server: ServerProcess, prefix: str, headers: bytes, status: int, code: str
) -> None:
    answer = send(server, line(f"{prefix}/reservations") + headers + b"\r\n\r\n")
    assert answer.status == status
    assert_complete(answer)
    assert answer.headers["x-request-id"] == "mine"
    if prefix:
        name = "ValidationError" if code == "invalid" else code.title().replace("_", "")
        assert answer.body["error"] == name
        assert answer.body["message"]
    else:
        assert answer.body["code"] == code
        assert answer.body["error"]


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "invalid"),
        (line("/" + "x" * 5000) + b"\r\n", 414, "uri_too_long"),
        (line("/") + b"X: %b\r\n\r\n" % (b"x" * 9000), 431, "request_header_fields_too_large"),
    ],
    ids=["not-http", "long-url", "long-header"],
)
def test_refused_head_gets_a_json_response(
    server: ServerProcess, request_head: bytes, status: int, code: str
) -> None:
    answer = send(server, request_head)
    assert (answer.status, answer.body["code"]) == (status, code)
    if HEADERS in request_head:
        assert_complete(answer)
        assert answer.headers["x-request-id"] == "mine"
    else:
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def assert_complete(answer: Answer) -> None:
    """Check the headers that a browser and a client of the API rely on."""
    assert answer.headers["access-control-allow-origin"] == SHOP
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"retry-after", "x-request-id"} <= set(exposed)
    assert "origin" in answer.headers["vary"].lower()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_busy_server_answers_browsers_of_other_origins(server: ServerProcess) -> None:
    with ThreadPoolExecutor(LIMIT) as pool, locked_events(server) as locking:
        in_flight = [pool.submit(server.reserve) for _ in range(LIMIT)]
        wait_until_blocking(locking)
        events = line("/api/v1/events", "GET") + b"\r\n"
        wait_until(lambda: send(server, events).status == 503)
        answer = send(server, events)
        assert_busy(answer, answer.body["error"] == "Busy")
        answer = send(server, line("/reservations") + b"Content-Length: 2\r\n\r\n{}")
        assert_busy(answer, answer.body["code"] == "busy")
        preflight = send(
            server,
            line("/reservations", "OPTIONS") + b"Access-Control-Request-Method: POST\r\n\r\n",
        )
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == SHOP
        assert "POST" in preflight.headers["access-control-allow-methods"]
    assert {each.result(30).status for each in in_flight} == {201}


def assert_busy(answer: Answer, has_format: bool) -> None:
    assert answer.status == 503
    assert has_format
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["x-request-id"] == "mine"


def test_refused_request_is_logged_and_counted(server: ServerProcess) -> None:
    before = count(server, 417)
    send(server, line("/reservations").replace(b"mine", b"this-one") + b"Expect: tea\r\n\r\n")
    assert count(server, 417) == before + 1
    entries = [json.loads(entry) for entry in server.output.splitlines() if "this-one" in entry]
    reason, request = entries  # and no line of Django's own logger
    assert (reason["event"], reason["reason"]) == ("request.refused", "unknown expectation")
    assert (request["event"], request["method"], request["path"], request["status"]) == (
        "request",
        "POST",
        "/reservations",
        417,
    )


def count(server: ServerProcess, status: int) -> float:
    """Return the number of requests with this status in the metrics."""
    pattern = rf'ticketboss_request_seconds_count{{method="POST",status="{status}"}} (\S+)'
    found = re.search(pattern, metrics(METRICS))
    return float(found[1]) if found else 0
