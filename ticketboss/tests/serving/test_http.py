"""What only a real server shows: bodies in chunks, old HTTP, clients that go away."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from select import select

import pytest

from ticketboss.tests.programs import Serving

pytestmark = pytest.mark.slow

BODY = json.dumps({"partnerId": "abc-corp", "seats": 1}).encode()
HEADERS = {"Content-Type": "application/json"}
POST = b"POST /reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(shared_home: Path) -> Iterator[Serving]:
    with Serving(shared_home) as serving:
        yield serving


def raw(server: Serving, request: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer


def test_a_body_in_chunks(server: Serving) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        for body, status in ([BODY[:9], BODY[9:]], 201), ([BODY, b" " * 65536], 413):
            connection.request("POST", "/reservations", iter(body), HEADERS, encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read()).keys() & {"code", "status"}) == (
                status,
                {"status"} if status == 201 else {"code"},
            )


def test_http_1_0(server: Serving) -> None:
    answer = raw(server, b"GET /health HTTP/1.0\r\n\r\n")
    assert answer.startswith((b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\n"))
    assert answer.endswith(b'{"status":"ok"}')


def test_a_client_that_goes_away_in_its_body(server: Serving) -> None:
    before = server.request("GET", "/reservations").body
    raw(server, POST + b"Content-Length: 1000\r\n\r\n" + BODY)
    assert server.request("GET", "/reservations").body == before
    assert "Traceback" not in server.output


def test_a_large_body_is_refused_unread(server: Serving) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as connection:
        connection.sendall(POST + b"Content-Length: 65537\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_forged_host(server: Serving) -> None:
    answer = raw(server, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":"Bad request","code":"invalid"}' in answer


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /health HTTP/1.1\r\nContent-Type: application/json; a*=x-unknown'en'%ff\r\n",
        b"OPTIONS * HTTP/1.1\r\nAccept: application/json\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\n",
    ],
)
def test_a_request_that_django_cannot_read(server: Serving, request_head: bytes) -> None:
    rest = b"Host: localhost\r\nX-Request-ID: mine\r\nConnection: close\r\n\r\n"
    answer = raw(server, request_head + rest)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"X-Request-ID: mine\r\n" in answer
    assert answer.endswith(b'{"error":"Bad request","code":"invalid"}')


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
)
def test_what_gunicorn_refuses(
    server: Serving, request_head: bytes, status: int, code: str
) -> None:
    head, _, body = raw(server, request_head + b"Host: localhost\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nX-Request-ID: " in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert json.loads(body)["code"] == code


def test_a_body_whose_chunks_end_too_soon(server: Serving) -> None:
    before = server.request("GET", "/reservations").body
    raw(server, POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + BODY)
    assert server.request("GET", "/reservations").body == before


def test_a_body_without_an_end(server: Serving) -> None:
    before = server.request("GET", "/reservations").body
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (16_384, b" " * 16_384)
        sent, answer = 0, b"HTTP/1.1 413 "
        # Who goes on sending may see the connection reset before the answer.
        with suppress(ConnectionError):
            while sent < 50_000_000 and not select([connection], [], [], 0)[0]:
                sent += connection.send(chunk)
            answer = connection.recv(65536)
        assert sent < 50_000_000
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert server.request("GET", "/reservations").body == before


def test_an_old_client_posts(server: Serving) -> None:
    head = b"POST /reservations HTTP/1.0\r\nContent-Type: application/json\r\n"
    answer = raw(server, head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert b" 201 Created\r\n" in answer
    assert b" 400 Bad Request\r\n" in raw(server, head + b"\r\n" + BODY)


def test_a_header_cannot_say_where_the_application_is(server: Serving) -> None:
    head = b"GET /reservations HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /x\r\n"
    answer = raw(server, head + b"Connection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
