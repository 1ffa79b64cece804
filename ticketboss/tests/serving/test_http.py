"""HTTP at the level of the socket: chunked bodies, HTTP/1.0, malformed requests, disconnects."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from select import select

import pytest

from ticketboss.tests.programs import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

BODY = json.dumps({"partnerId": "abc-corp", "seats": 1}).encode()
HEADERS = {"Content-Type": "application/json"}
POST = b"POST /reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(shared_home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(shared_home) as server:
        yield server


def raw(server: ServerProcess, request: bytes) -> bytes:
    """Send these bytes on a new connection and close its sending side; return the response."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        response = b""
        while data := connection.recv(65536):
            response += data
    return response


def test_chunked_body_is_accepted_up_to_the_size_limit(server: ServerProcess) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        for body, status in ([BODY[:9], BODY[9:]], 201), ([BODY, b" " * 65536], 413):
            connection.request("POST", "/reservations", iter(body), HEADERS, encode_chunked=True)
            response = connection.getresponse()
            assert (response.status, json.loads(response.read()).keys() & {"code", "status"}) == (
                status,
                {"status"} if status == 201 else {"code"},
            )


def test_http_1_0_get_is_answered(server: ServerProcess) -> None:
    response = raw(server, b"GET /health HTTP/1.0\r\n\r\n")
    assert response.startswith((b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"))
    assert response.endswith(b'{"status":"ok"}')


def test_disconnect_within_the_body_reserves_nothing(server: ServerProcess) -> None:
    before = server.request("GET", "/reservations").body
    raw(server, POST + b"Content-Length: 1000\r\n\r\n" + BODY)
    assert server.request("GET", "/reservations").body == before
    assert "Traceback" not in server.output


def test_oversized_body_is_rejected_before_it_is_sent(server: ServerProcess) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)) as connection:
        connection.sendall(POST + b"Content-Length: 65537\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_unknown_host_gets_plain_400(server: ServerProcess) -> None:
    response = raw(server, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":"Bad request","code":"invalid"}' in response


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /health HTTP/1.1\r\nContent-Type: application/json; a*=x-unknown'en'%ff\r\n",
        b"OPTIONS * HTTP/1.1\r\nAccept: application/json\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\n",
    ],
    ids=["unknown-charset", "options-asterisk", "connect"],
)
def test_unreadable_request_returns_json_400(server: ServerProcess, request_head: bytes) -> None:
    rest = b"Host: localhost\r\nX-Request-ID: mine\r\nConnection: close\r\n\r\n"
    response = raw(server, request_head + rest)
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"X-Request-ID: mine\r\n" in response
    assert json.loads(response.partition(b"\r\n\r\n")[2])["code"] == "invalid"


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n", 431, "request_header_fields_too_large"),
        (b"GET / HTTP/1.1\r\nX: a\0b\r\n", 400, "invalid"),
        (b"GET / HTTP/9.9\r\n", 400, "invalid"),
        (b"\xff\xfe\r\n", 400, "invalid"),
        (POST + b"Content-Length: -1\r\n", 400, "invalid"),
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "invalid"),
    ],
    ids=[
        "long-url",
        "long-header",
        "nul-in-header",
        "unknown-version",
        "not-http",
        "negative-length",
        "length-and-chunked",
    ],
)
def test_malformed_request_returns_json_error(
    server: ServerProcess, request_head: bytes, status: int, code: str
) -> None:
    head, _, body = raw(server, request_head + b"Host: localhost\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nX-Request-ID: " in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert json.loads(body)["code"] == code


def test_disconnect_within_a_chunk_reserves_nothing(server: ServerProcess) -> None:
    before = server.request("GET", "/reservations").body
    raw(server, POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + BODY)
    assert server.request("GET", "/reservations").body == before


def test_endless_chunked_body_is_rejected(server: ServerProcess) -> None:
    before = server.request("GET", "/reservations").body
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (16_384, b" " * 16_384)
        sent, response = 0, b"HTTP/1.1 413 "
        # A client that keeps sending may get a connection reset before it reads the response.
        with suppress(ConnectionError):
            while sent < 50_000_000 and not select([connection], [], [], 0)[0]:
                sent += connection.send(chunk)
            response = connection.recv(65536)
        assert sent < 50_000_000
        assert response.startswith(b"HTTP/1.1 413 ")
    assert server.request("GET", "/reservations").body == before


def test_http_1_0_post_needs_a_content_length(server: ServerProcess) -> None:
    head = b"POST /reservations HTTP/1.0\r\nContent-Type: application/json\r\n"
    response = raw(server, head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert b" 201 Created\r\n" in response
    assert b" 400 Bad Request\r\n" in raw(server, head + b"\r\n" + BODY)


def test_script_name_header_does_not_change_routing(server: ServerProcess) -> None:
    head = b"GET /reservations HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /x\r\n"
    response = raw(server, head + b"Connection: close\r\n\r\n")
    assert response.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
