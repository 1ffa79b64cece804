"""The parts of the HTTP/1 server: reading heads and bodies, encoding responses, connections."""

import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote

import gevent
import gevent.socket
import pytest
from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from ticketboss.serving import http_parser
from ticketboss.serving.errors import ERROR, RequestError
from ticketboss.serving.http_body import ChunkedBody, SizedBody
from ticketboss.serving.http_connection import Connection
from ticketboss.serving.http_parser import Environ, Framing
from ticketboss.serving.http_response import Response

CRLF = b"\r\n"
NO_BODY = Framing(length=0, chunked=False, keep_alive=True, expects_continue=False)
REFUSALS = {400, 413, 414, 417, 431, 501}
# More than any body here.
PLENTY = 100_000
THOROUGH = settings(max_examples=300, deadline=None)


def head(*headers: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a\r\n") -> bytes:
    return line + CRLF + host + b"".join(header + CRLF for header in headers) + CRLF


def parse(received: bytes) -> tuple[Framing, Environ]:
    """Parse the head at the start of ``received``, which must be complete."""
    environ: Environ = {}
    length = http_parser.find_end(received)
    assert length
    return http_parser.parse(received[:length], environ), environ


def refusal(received: bytes) -> int:
    with pytest.raises(RequestError) as raised:
        parse(received)
    return raised.value.status


def shortened(value: object) -> str:
    """Return an id for a parameter of a test."""
    return ascii(value)[:70]


# Heads


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (CRLF * 2, 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (head(line=b"GET /"), 400),
        (head(line=b"GET / HTTP/0.9"), 400),
        (head(line=b"GET / HTTP/1.2"), 400),
        (head(line=b"GET / HTTP/2.0"), 400),
        (head(line=b"PRI * HTTP/2.0"), 400),
        (head(line=b"OPTIONS / RTSP/1.0"), 400),
        (head(line=b"SOURCE / ICE/1.0"), 400),
        (head(line=b"GET  / HTTP/1.1"), 400),
        (head(line=b" GET / HTTP/1.1"), 400),
        (head(line=b"\r\nGET / HTTP/1.1"), 400),
        (head(line=b"GET / HTTP/1.1 "), 400),
        (head(line=b"GET\t/ HTTP/1.1"), 400),
        (head(line=b"get / HTTP/1.1"), 400),
        (head(line=b"G@T / HTTP/1.1"), 400),
        (head(line=b"FOO / HTTP/1.1"), 501),
        (head(line=b"GETX / HTTP/1.1"), 501),
        (head(line=b"GET * HTTP/1.1"), 400),
        (head(line=b"CONNECT a:80 HTTP/1.1"), 400),
        (head(line=b"CONNECT / HTTP/1.1"), 400),
        (head(line=b"GET a HTTP/1.1"), 400),
        (head(line=b"GET ?x HTTP/1.1"), 400),
        (head(line=b"GET /#x HTTP/1.1"), 400),
        (head(line=b"GET /\0 HTTP/1.1"), 400),
        (head(line=b"GET /\xff HTTP/1.1"), 400),
        (head(line=b"GET /?\xff HTTP/1.1"), 400),
        (head(line=b"GET http:///x HTTP/1.1"), 400),
        (head(line=b"GET ftp://a/ HTTP/1.1"), 400),
        (head(line=b"GET http://u@a/ HTTP/1.1"), 400),
        (head(line=b"GET http://b/ HTTP/1.1"), 400),
        (head(line=b"GET http://a:80/ HTTP/1.1"), 400),
        (head(line=b"GET http://a/ HTTP/1.1", host=b""), 400),
        (head(line=b"GET /" + b"x" * 5000 + b" HTTP/1.1"), 414),
        (head(host=b""), 400),
        (head(b"Host: a"), 400),
        (head(b"Content-Type: a", b"Content-Type: b"), 400),
        (head(b"X"), 400),
        (head(b": y"), 400),
        (head(b"X : y"), 400),
        (head(b"X: y\r\n z"), 400),
        (head(b"X: a\rb"), 400),
        (head(b"X: a\nb"), 400),
        (head(b"X: a\0b"), 400),
        (head(b"X: a\x7fb"), 400),
        (head(b"X\xe9: y"), 400),
        (head(b"X: " + b"x" * 8186), 431),
        (head(*[b"X: y"] * 100), 431),
        (head(*[b"X_Y: y"] * 100), 431),
        (head(*[b"X: " + b"x" * 8000] * 5), 431),
        (head(b"Content-Length:"), 400),
        (head(b"Content-Length: -1"), 400),
        (head(b"Content-Length: +1"), 400),
        (head(b"Content-Length: 1_0"), 400),
        (head(b"Content-Length: 1, 1"), 400),
        (head(b"Content-Length: \xb2"), 400),
        (head(b"Content-Length: 18446744073709551616"), 400),
        (head(b"Content-Length: " + b"0" * 4300 + b"5"), 400),
        (head(b"Content-Length: 5", b"Content-Length: 5"), 400),
        (head(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
        (head(b"Transfer-Encoding: chunked", b"Content-Length: 5"), 400),
        (head(b"Transfer-Encoding:"), 400),
        (head(b"Transfer-Encoding:", b"Connection: Upgrade", b"Upgrade: x"), 400),
        (head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
        (head(b"Transfer-Encoding: chunked, gzip"), 400),
        (head(b"Transfer-Encoding: gzip, chunked"), 501),
        (head(b"Transfer-Encoding: gzip", b"Connection: Upgrade", b"Upgrade: x"), 501),
        (head(b"Transfer-Encoding: identity"), 501),
        (head(b"Transfer-Encoding: xchunked"), 501),
        (head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0"), 400),
        (head(b"Expect: x"), 417),
        (head(b"Expect: x", line=b"GET / HTTP/1.0"), 417),
    ],
    ids=shortened,
)
def test_malformed_head_is_refused(received: bytes, status: int) -> None:
    assert refusal(received) == status


@pytest.mark.parametrize(
    ("received", "environ"),
    [
        (head(), {"HTTP_HOST": "a"}),
        (head(line=b"GET / HTTP/1.0", host=b""), {"SERVER_PROTOCOL": "HTTP/1.0"}),
        (head(b"X-Name: \t a \xe9b \t"), {"HTTP_HOST": "a", "HTTP_X_NAME": "a \xe9b"}),
        (head(b"X:", b"x: 1", b"X: 2"), {"HTTP_HOST": "a", "HTTP_X": ",1,2"}),
        (head(b"X_Name: y", b"Content_Length: 5"), {"HTTP_HOST": "a"}),
        (head(b"X: " + b"x" * 8185), {"HTTP_HOST": "a", "HTTP_X": "x" * 8185}),
        (head(*[b"X: y"] * 99), {"HTTP_HOST": "a", "HTTP_X": ",".join(["y"] * 99)}),
        (
            head(b"content-type: x/y", b"Content-Length: 007", line=b"PUT / HTTP/1.1"),
            {
                "REQUEST_METHOD": "PUT",
                "HTTP_HOST": "a",
                "CONTENT_TYPE": "x/y",
                "CONTENT_LENGTH": "007",
            },
        ),
        (
            head(line=b"GET /a%2Fb%00%ff//c;d?e=%20?f HTTP/1.1"),
            {
                "HTTP_HOST": "a",
                "PATH_INFO": "/a/b\0\xff//c;d",
                "QUERY_STRING": "e=%20?f",
            },
        ),
        (
            head(line=b'GET /"<>\\^`{|} HTTP/1.1'),
            {"HTTP_HOST": "a", "PATH_INFO": '/"<>\\^`{|}'},
        ),
        (
            head(line=b"GET HTTP://A:80/b?c HTTP/1.1", host=b"Host: a:80\r\n"),
            {"HTTP_HOST": "a:80", "PATH_INFO": "/b", "QUERY_STRING": "c"},
        ),
        (
            head(line=b"GET http://b?c HTTP/1.0", host=b""),
            {"SERVER_PROTOCOL": "HTTP/1.0", "HTTP_HOST": "b", "QUERY_STRING": "c"},
        ),
        (
            head(b"Connection: Upgrade", b"Upgrade: h2c"),
            {"HTTP_HOST": "a", "HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "h2c"},
        ),
    ],
    ids=shortened,
)
def test_head_becomes_an_environ(received: bytes, environ: Environ) -> None:
    defaults = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    assert parse(received)[1] == defaults | environ


@pytest.mark.parametrize(
    ("headers", "version", "framing"),
    [
        ([], b"1.1", NO_BODY),
        ([], b"1.0", NO_BODY._replace(keep_alive=False)),
        ([b"Content-Length: 5"], b"1.1", NO_BODY._replace(length=5)),
        ([b"Content-Length: 5 \t"], b"1.0", NO_BODY._replace(length=5, keep_alive=False)),
        ([b"Transfer-Encoding: Chunked"], b"1.1", NO_BODY._replace(chunked=True)),
        ([b"Connection: Keep-Alive"], b"1.0", NO_BODY),
        ([b"Connection: TE, keep-alive"], b"1.0", NO_BODY),
        ([b"Connection: Close"], b"1.1", NO_BODY._replace(keep_alive=False)),
        ([b"Connection: TE, close"], b"1.1", NO_BODY._replace(keep_alive=False)),
        ([b"Connection: close,keep-alive"], b"1.1", NO_BODY._replace(keep_alive=False)),
        (
            [b"Connection: keep-alive", b"Connection: close"],
            b"1.0",
            NO_BODY._replace(keep_alive=False),
        ),
        ([b"Connection: closed"], b"1.1", NO_BODY),
        ([b"Expect: 100-Continue"], b"1.1", NO_BODY._replace(expects_continue=True)),
        ([b"Expect: 100-continue"], b"1.0", NO_BODY._replace(keep_alive=False)),
        (
            [b"Content-Length: 5", b"Connection: Upgrade", b"Upgrade: x"],
            b"1.1",
            NO_BODY._replace(length=5),
        ),
    ],
)
def test_head_tells_how_to_read_the_rest(
    headers: list[bytes], version: bytes, framing: Framing
) -> None:
    assert parse(head(*headers, line=b"POST / HTTP/" + version))[0] == framing


@pytest.mark.parametrize(
    ("received", "start", "length"),
    [
        (b"", 0, 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r", 0, 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 27),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 26, 27),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 24, 27),
        (b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", 0, 18),
        (b"GET /" + b"x" * 4080, 0, 0),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 8000, 0, 0),
    ],
    ids=shortened,
)
def test_end_of_a_head_is_found(received: bytes, start: int, length: int) -> None:
    assert http_parser.find_end(received, start) == length


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n\n", 400),
        (b"GET /" + b"x" * 4090, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 8190, 431),
        (b"GET / HTTP/1.1\r\n" + (b"X: " + b"x" * 8000 + CRLF) * 5, 431),
    ],
    ids=shortened,
)
def test_head_that_cannot_become_valid_is_not_awaited(received: bytes, status: int) -> None:
    with pytest.raises(RequestError) as raised:
        http_parser.find_end(received)
    assert raised.value.status == status


SCHEME_HEADERS = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_SSL": "on"}


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ([], ""),
        ([b"X-Forwarded-Proto: https"], "https"),
        ([b"X-Forwarded-Proto: http"], "http"),
        ([b"X-Forwarded-Proto: HTTPS"], "http"),
        ([b"X-Forwarded-Ssl: on"], "https"),
        ([b"X-Forwarded-Ssl: on", b"X-Forwarded-Proto: https"], "https"),
        ([b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: https"], "https"),
        ([b"X_Forwarded_Proto: https"], ""),
    ],
)
def test_scheme_is_that_of_the_proxy(headers: list[bytes], scheme: str) -> None:
    _, environ = parse(head(*headers))
    assert http_parser.forwarded_scheme(environ, SCHEME_HEADERS) == scheme


@pytest.mark.parametrize(
    "headers",
    [
        [b"X-Forwarded-Ssl: on", b"X-Forwarded-Proto: http"],
        [b"X-Forwarded-Proto: http", b"X-Forwarded-Proto: https"],
    ],
)
def test_headers_that_disagree_about_the_scheme_are_refused(headers: list[bytes]) -> None:
    with pytest.raises(RequestError):
        http_parser.forwarded_scheme(parse(head(*headers))[1], SCHEME_HEADERS)


# Bodies


class Pieces:
    """A fake connection that receives these pieces, then that the client has disconnected."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.left = b""
        self._pieces = list(pieces)

    def take_some(self) -> bytes:
        if not self._pieces:
            raise RequestError(400, "the body ended early")
        return self._pieces.pop(0)

    def take(self, size: int) -> bytes:
        while len(self.left) < size:
            self.left += self.take_some()
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def give_back(self, data: bytes) -> None:
        self.left += data


def chunked_body(*pieces: bytes) -> ChunkedBody:
    return ChunkedBody(cast("Any", Pieces(pieces)))


def test_sized_body_leaves_the_next_request_alone() -> None:
    connection = Pieces([b"he", b"llo, wo", b"rld"])
    body = SizedBody(cast("Any", connection), 5)
    assert (body.read(3), body.complete) == (b"hel", False)
    assert (body.read(PLENTY), body.complete) == (b"lo", True)
    assert body.read(PLENTY) == b""
    assert connection.left == b", wo"


def test_empty_body_reads_nothing() -> None:
    body = SizedBody(cast("Any", Pieces([])), 0)
    assert body.complete
    assert body.read(PLENTY) == b""


def test_body_that_ends_early_is_refused() -> None:
    for body in SizedBody(cast("Any", Pieces([b"a"])), 2), chunked_body(b"2\r\na"):
        with pytest.raises(RequestError):
            body.read(PLENTY)
        assert not body.complete


@pytest.mark.parametrize(
    ("received", "content"),
    [
        (b"0\r\n\r\n", b""),
        (b"000\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"A\r\n0123456789\r\n1\r\n\n\r\n0\r\n\r\n", b"0123456789\n"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (b"0000000000000000000000003\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b'3;a;b=c;d="e;\\"f"\r\nabc\r\n0;g\r\n\r\n', b"abc"),
        (b"0\r\nX: y\r\nConnection: close\r\n\r\n", b""),
        (b"0\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", b""),
    ],
)
def test_chunked_body_is_read(received: bytes, content: bytes) -> None:
    body = chunked_body(received)
    assert body.read(PLENTY) == content
    assert body.complete


@pytest.mark.parametrize(
    "received",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"1_0\r\n",
        b" 1\r\na\r\n",
        b"1 \r\na\r\n",
        b"1\na\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"1\r\na0\r\n\r\n",
        b"1\r\nab\r\n",
        b"1;\r\na\r\n",
        b'1;a="\r\na\r\n',
        b"1;a\0\r\na\r\n",
        b"0\r\n\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\nX: y\r\n z\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\nContent-Length: 1\r\n\r\n",
        b"0\r\nX: y\r\nHost: b\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_malformed_chunks_are_refused(received: bytes) -> None:
    body = chunked_body(received)
    with pytest.raises(RequestError) as raised:
        body.read(PLENTY)
    assert raised.value.status == 400
    assert "early" not in str(raised.value)
    assert not body.complete


def test_chunked_body_is_read_up_to_the_given_size() -> None:
    body = chunked_body(b"6\r\nabc", b"def\r\n", b"0\r\n\r\n")
    assert (body.read(2), body.complete) == (b"ab", False)
    assert (body.read(3), body.complete) == (b"cde", False)
    assert (body.read(PLENTY), body.complete) == (b"f", True)


def test_chunks_that_are_mostly_overhead_are_refused() -> None:
    chunk = b"1;" + b"x" * 1000 + b"\r\na\r\n"
    assert chunked_body(*[chunk] * 60, b"0\r\n\r\n").read(100) == b"a" * 60
    with pytest.raises(RequestError) as raised:
        chunked_body(*[chunk] * 70).read(100)
    assert raised.value.status == 413


# Responses


def encode(
    headers: Iterable[tuple[str, str]],
    parts: Iterable[bytes],
    *,
    status: str = "200 OK",
    method: str | None = "GET",
    protocol: str | None = "HTTP/1.1",
    close: bool = False,
) -> tuple[list[bytes], list[bytes], bool]:
    """Return the lines of the head except Date, what is sent after it, and whether it closes."""
    response = Response(method, protocol)
    response.close = close
    response.start(status, list(headers))
    sent = list(response.encode(parts))
    first, end, rest = sent[0].partition(CRLF * 2)
    assert end
    lines = first.split(CRLF)
    [date] = [line for line in lines if line.startswith(b"Date: ")]
    assert date.endswith(b" GMT")
    lines.remove(date)
    return lines, [part for part in [rest, *sent[1:]] if part], response.close


def test_response_with_length_is_sent_with_its_head() -> None:
    headers = [("Content-Length", "4"), ("X", "\xe9")]
    lines, body, close = encode(headers, [b"ab", b"cd"])
    assert lines == [b"HTTP/1.1 200 OK", b"Content-Length: 4", b"X: \xe9"]
    assert (body, close) == ([b"ab", b"cd"], False)


def test_response_without_length_is_chunked() -> None:
    lines, body, close = encode([], [b"ab", b"", b"c" * 16])
    assert lines == [b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked"]
    assert body == [b"2\r\nab\r\n", b"10\r\n%b\r\n" % (b"c" * 16), b"0\r\n\r\n"]
    assert not close


def test_http_1_0_response_without_length_ends_by_closing() -> None:
    lines, body, close = encode([], [b"ab", b"cd"], protocol="HTTP/1.0")
    assert lines == [b"HTTP/1.1 200 OK", b"Connection: close"]
    assert (body, close) == ([b"ab", b"cd"], True)


@pytest.mark.parametrize(
    ("protocol", "close", "connection"),
    [
        ("HTTP/1.1", False, []),
        ("HTTP/1.1", True, [b"Connection: close"]),
        ("HTTP/1.0", False, [b"Connection: keep-alive"]),
        ("HTTP/1.0", True, [b"Connection: close"]),
        (None, True, [b"Connection: close"]),
    ],
)
def test_response_says_whether_the_connection_closes(
    protocol: str | None, close: bool, connection: list[bytes]
) -> None:
    lines, _, closes = encode([("Content-Length", "0")], [], protocol=protocol, close=close)
    assert lines == [b"HTTP/1.1 200 OK", b"Content-Length: 0", *connection]
    assert closes == close


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_response_without_content_has_no_length(status: str, protocol: str) -> None:
    headers = [("content-length", "2"), ("ETag", '"x"')]
    lines, body, close = encode(headers, [b"ab"], status=status, protocol=protocol)
    assert lines[:2] == [f"HTTP/1.1 {status}".encode(), b'ETag: "x"']
    assert lines[2:] == ([b"Connection: keep-alive"] if protocol == "HTTP/1.0" else [])
    assert (body, close) == ([], False)


@pytest.mark.parametrize("headers", [[], [("Content-Length", "2")]])
def test_response_to_head_has_no_body(headers: list[tuple[str, str]]) -> None:
    lines, body, close = encode(headers, [b"ab"], method="HEAD")
    assert lines == [b"HTTP/1.1 200 OK", *[b"Content-Length: 2" for _ in headers]]
    assert (body, close) == ([], False)


def test_application_cannot_set_connection_headers() -> None:
    names = ["Connection", "keep-alive", "TRANSFER-ENCODING", "Upgrade"]
    lines, _, _ = encode([("Content-Length", "0"), *[(name, "x") for name in names]], [])
    assert lines == [b"HTTP/1.1 200 OK", b"Content-Length: 0"]


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\r\nSet-Cookie: b", "a\r\n\r\nb"])
def test_response_header_with_line_break_is_refused(text: str) -> None:
    for status, header in ("200 OK", ("X", text)), ("200 OK", (text, "x")), (text, ("X", "y")):
        with pytest.raises(ValueError, match="line break"):
            encode([("Content-Length", "0"), header], [], status=status)


@pytest.mark.parametrize("parts", [[b"abc"], [b"a", b"bc"]])
def test_body_longer_than_its_length_is_not_sent(parts: list[bytes]) -> None:
    response = Response("GET", "HTTP/1.1")
    response.start("200 OK", [("Content-Length", "2")])
    sent: list[bytes] = []
    with pytest.raises(ValueError, match="longer"):
        sent.extend(response.encode(parts))
    assert len(b"".join(sent).partition(CRLF * 2)[2]) <= 2


def test_body_shorter_than_its_length_closes_the_connection() -> None:
    for parts in [], [b"ab"]:
        _, body, close = encode([("Content-Length", "3")], parts)
        assert (body, close) == (parts, True)


# Any heads and chunks

FRAGMENTS = [
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\xff"),
    *(b":", b",", b";", b'"', b"=", b"/", b"?", b"#", b"@", b"*", b"_", b"-", b"+", b"%0a", b"0x"),
    *(
        b"\r\n ",
        b"\r\n\r\n",
        b"HTTP/1.0",
        b"GET ",
        b"CONNECT ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    *(
        b"Host: b\r\n",
        b"Content-Type: x\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: close\r\n",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length:\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:\r\n", b"chunked", b"identity, "),
    *(b"0\r\n\r\n", b"3\r\nabc\r\n", b";a=b", b"gzip,"),
]
HEADS = [
    head(b"X-Y: z", line=b"GET /a?b=c HTTP/1.1"),
    head(b"Content-Type: x", b"Content-Length: 5", line=b"POST /a HTTP/1.1") + b"hello",
    head(b"Expect: 100-continue", b"Transfer-Encoding: chunked", line=b"PUT / HTTP/1.1"),
    head(b"Connection: keep-alive", line=b"GET / HTTP/1.0"),
    head(b"Connection: Upgrade", b"Upgrade: x", b"Content-Length: 3"),
]
CHUNKS = [
    b"3\r\nabc\r\n0\r\n\r\n",
    b'3;a=b\r\nabc\r\n4;c="d e";f\r\nefgh\r\n0;x\r\nX: y\r\nZ: z\r\n\r\n',
]


@st.composite
def changed(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of these, with bytes removed and inserted in a few places."""
    data = draw(st.sampled_from(originals))
    inserted = st.sampled_from(FRAGMENTS) | st.binary(max_size=3)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.sampled_from([0, 0, 1, 4]))
        data = data[:start] + draw(inserted) + data[end:]
    return data


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """These bytes in pieces."""
    places = draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=8))
    bounds = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds) if a < b]


def try_to_parse(received: bytes) -> tuple[Framing, Environ, bytes] | int:
    """Return what was parsed and the bytes that follow it, 0 if it is incomplete, or a status."""
    environ: Environ = {}
    try:
        length = http_parser.find_end(received)
        if not length:
            return 0
        return http_parser.parse(received[:length], environ), environ, received[length:]
    except RequestError as error:
        return error.status


@THOROUGH
@given(st.binary(max_size=200) | changed(HEADS))
def test_any_bytes_are_refused_or_have_a_framing(received: bytes) -> None:
    parsed = try_to_parse(received)
    if isinstance(parsed, int):
        assert parsed in {0, *REFUSALS}
        return
    framing, environ, _ = parsed
    assert 0 <= framing.length < 2**64
    assert not (framing.length and framing.chunked)
    assert environ["PATH_INFO"].startswith("/")
    assert environ["SERVER_PROTOCOL"] in {"HTTP/1.0", "HTTP/1.1"}
    for key in environ.keys() - {"PATH_INFO"}:
        assert not set(environ[key]) & set("\0\r\n\x7f")


GUNICORN = Config()
GUNICORN.set("forwarder_headers", "")


@THOROUGH
@given(changed(HEADS))
def test_accepted_head_means_the_same_to_gunicorn(received: bytes) -> None:
    parsed = try_to_parse(received)
    if isinstance(parsed, int):
        return
    framing, environ, rest = parsed
    assume(environ.get("HTTP_EXPECT") != "")  # see test_raw_requests.py
    event("accepted")
    unreader = IterUnreader([received])
    request: Any = Request(GUNICORN, unreader, ("127.0.0.1", 1))
    assert unreader.take_buffered() == rest
    reader = request.body.reader
    assert framing.chunked == isinstance(reader, ChunkedReader)
    assert framing.chunked or framing.length == reader.length
    path = unquote(request.path, "latin-1")
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == (request.method, path)
    assert environ["QUERY_STRING"] == request.query
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key = name.replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    assert headers == {
        key: value for key, value in environ.items() if key.startswith(("HTTP_", "CONTENT_"))
    }


@THOROUGH
@given(changed(CHUNKS))
def test_accepted_chunks_mean_the_same_to_gunicorn(received: bytes) -> None:
    connection = Pieces(bytes([each]) for each in received)
    body = ChunkedBody(cast("Any", connection))
    try:
        content = body.read(PLENTY)
    except RequestError:
        return
    event("accepted")
    trailers = received.rpartition(b"0\r\n")[2].lower()
    assume(not any(name in trailers for name in (b"host:", b"te:")))  # see test_raw_requests.py
    request_head = head(b"Transfer-Encoding: chunked")
    unreader = IterUnreader([request_head, received])
    request: Any = Request(GUNICORN, unreader, ("127.0.0.1", 1))
    assert request.body.read() == content
    assert len(unreader.take_buffered()) == len(b"".join(connection._pieces))


TOKEN = "!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TARGET = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
NAMES = st.text(st.sampled_from(TOKEN), max_size=12).map("x-".__add__)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
    | st.just("\t"),
    max_size=20,
)
METHODS = st.sampled_from(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"])


@THOROUGH
@given(
    METHODS,
    TARGET.map(lambda text: text.replace("#", "").replace("?", "")),
    st.none() | TARGET.map(lambda text: text.replace("#", "")),
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
    st.sampled_from(["1.0", "1.1"]),
)
def test_valid_head_is_read_exactly(
    method: str, path: str, query: str | None, headers: list[tuple[str, str]], version: str
) -> None:
    expected = {
        "REQUEST_METHOD": method,
        "PATH_INFO": unquote(f"/{path}", "latin-1"),
        "QUERY_STRING": query or "",
        "SERVER_PROTOCOL": f"HTTP/{version}",
        "HTTP_HOST": "a",
    }
    for name, value in headers:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        text = value.strip(" \t")
        expected[key] = f"{expected[key]},{text}" if key in expected else text
    target = f"/{path}" if query is None else f"/{path}?{query}"
    lines = [f"{name}:{value}".encode("latin-1") for name, value in headers]
    received = head(*lines, line=f"{method} {target} HTTP/{version}".encode())
    assert parse(received) == (NO_BODY._replace(keep_alive=version == "1.1"), expected)


@THOROUGH
@given(st.data(), st.lists(st.binary(min_size=1, max_size=20), max_size=6))
def test_chunks_may_arrive_in_any_pieces(data: st.DataObject, parts: list[bytes]) -> None:
    extension = data.draw(st.sampled_from([b"", b";a", b';a="b"']))
    trailer = data.draw(st.sampled_from([b"", b"X: y\r\n"]))
    chunks = [b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts]
    body = chunked_body(*data.draw(cut(b"".join([*chunks, b"0\r\n", trailer, CRLF]))))
    content = b""
    while piece := body.read(data.draw(st.sampled_from([64, PLENTY]))):
        content += piece
    assert content == b"".join(parts)
    assert body.complete


# Connections


class Answer(NamedTuple):
    """A response, with the id of the request that the application answered."""

    status: int
    name: str
    body: bytes


class Parts(list[bytes]):
    """A WSGI response."""

    def close(self) -> None:
        """Do nothing."""


class Worker:
    """A worker whose application answers each request with its path and body."""

    def __init__(self) -> None:
        self.alive = True
        self.log = SimpleNamespace(exception=self._fail)
        self.accepted: list[str] = []
        self.refused: list[int] = []

    def _fail(self, *_: object) -> None:
        raise AssertionError("the server caught an exception")

    def admit(self, connection: Connection, environ: Environ) -> None:
        """Admit every request."""

    def wsgi(self, environ: Environ, start_response: Any) -> Parts:
        try:
            if ERROR in environ:
                raise environ[ERROR]
            body = environ["wsgi.input"].read(PLENTY)
        except RequestError as error:
            self.refused.append(error.status)
            start_response(f"{error.status} Refused", [("Content-Length", "0")])
            return Parts()
        name = quote(environ["PATH_INFO"], encoding="latin-1")
        self.accepted.append(name)
        # Some responses have a length, the others are chunked.
        length = [("Content-Length", str(len(body)))] if len(body) % 2 else []
        start_response("200 OK", [("X-Name", name), *length])
        return Parts([body[:3], body[3:]])


def converse(pieces: Iterable[bytes]) -> tuple[Worker, list[Answer]]:
    """Send these pieces, each once the server has read the previous one; return the answers."""
    worker = Worker()
    gevent_socket: Any = gevent.socket
    client, server = gevent_socket.socketpair()
    with closing(client), closing(server):
        environ = {"wsgi.url_scheme": "http"}
        connection = Connection(cast("Any", worker), server, environ, {}, for_probes=False)
        serving = gevent.spawn(connection.serve)
        for piece in pieces:
            client.sendall(piece)
            gevent.idle()
        client.shutdown(socket.SHUT_WR)
        serving.get(timeout=5)
        server.close()
        received = b""
        with suppress(ConnectionResetError):  # There is more than the server wanted to read.
            while data := client.recv(65536):
                received += data
    return worker, answers(received)


def answers(received: bytes) -> list[Answer]:
    """Parse responses as a strict client does."""
    found = []
    while received:
        first, end, received = received.partition(CRLF * 2)
        assert end
        status_line, *lines = first.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        if "Content-Length" in headers:
            length = int(headers["Content-Length"])
            assert len(received) >= length
            body, received = received[:length], received[length:]
        elif headers.get("Transfer-Encoding") == "chunked":
            body, received = read_chunks(received)
        else:
            assert headers["Connection"] == "close"
            body, received = received, b""
        found.append(Answer(int(status_line.split()[1]), headers.get("X-Name", ""), body))
    return found


def read_chunks(received: bytes) -> tuple[bytes, bytes]:
    """Return the content of a chunked body, and what follows it."""
    body, size = b"", -1
    while size:
        line, _, received = received.partition(CRLF)
        size = int(line, 16)
        assert received[size : size + 2] == CRLF
        body, received = body + received[:size], received[size + 2 :]
    return body, received


CONTENTS = st.binary(max_size=20) | st.sampled_from(
    [b"GET /stolen HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n", b"\r\n\r\n"]
)


class Sent(NamedTuple):
    """A request, and the answer that it gets."""

    request: bytes
    answer: Answer


def sized(number: int, content: bytes) -> Sent:
    line = b"POST /%d HTTP/1.1" % number
    request = head(b"Content-Length: %d" % len(content), line=line) + content
    return Sent(request, Answer(200, f"/{number}", content))


def chunked(number: int, content: bytes) -> Sent:
    line = b"POST /%d HTTP/1.1" % number
    parts = [part for part in (content[:2], content[2:]) if part]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    request = head(b"Transfer-Encoding: chunked", line=line) + chunks + b"0\r\n\r\n"
    return Sent(request, Answer(200, f"/{number}", content))


def streams(kinds: list[Any]) -> st.SearchStrategy[list[Sent]]:
    """Several requests of these kinds, numbered."""
    requests = st.lists(st.tuples(st.sampled_from(kinds), CONTENTS), min_size=1, max_size=5)
    return requests.map(
        lambda drawn: [kind(number, content) for number, (kind, content) in enumerate(drawn)]
    )


@THOROUGH
@given(st.data(), streams([sized]))
def test_pipelined_requests_get_their_own_answers(data: st.DataObject, sent: list[Sent]) -> None:
    pieces = data.draw(cut(b"".join(each.request for each in sent)))
    assert converse(pieces)[1] == [each.answer for each in sent]


@THOROUGH
@given(st.data(), streams([sized, chunked]))
def test_pipelined_chunked_requests_get_their_own_answers(
    data: st.DataObject, sent: list[Sent]
) -> None:
    pieces = data.draw(cut(b"".join(each.request for each in sent)))
    assert converse(pieces)[1] == [each.answer for each in sent]


@pytest.mark.parametrize("first", [b"", head()])
@pytest.mark.parametrize("pieces", [[b"\r\n"], [b"\r", b"\n"]])
def test_empty_line_before_a_request_is_ignored(first: bytes, pieces: list[bytes]) -> None:
    worker, _ = converse([first, *pieces, head(line=b"GET /last HTTP/1.1")])
    assert (worker.accepted[-1:], worker.refused) == (["/last"], [])


@THOROUGH
@given(st.data(), streams([sized]), streams([sized, chunked]), st.sampled_from(b"\0\x0b\x1f\x7f"))
def test_malformed_request_ends_the_connection(
    data: st.DataObject, sent: list[Sent], more: list[Sent], character: int
) -> None:
    broken = more[0].request
    place = data.draw(st.integers(0, broken.index(CRLF * 2)))
    broken = broken[:place] + bytes([character]) + broken[place:]
    requests = [each.request for each in sent] + [broken] + [each.request for each in more]
    worker, answered = converse(data.draw(cut(b"".join(requests))))
    assert answered[:-1] == [each.answer for each in sent]
    assert worker.refused == [answered[-1].status]


@THOROUGH
@given(st.data(), streams([sized, chunked]))
def test_changed_bytes_never_shift_answers(data: st.DataObject, sent: list[Sent]) -> None:
    stream = b"".join(each.request for each in sent)
    place = data.draw(st.integers(0, len(stream)))
    inserted = data.draw(st.binary(max_size=4) | st.sampled_from(FRAGMENTS))
    removed = data.draw(st.sampled_from([0, 1, 4]))
    worker, answered = converse(
        data.draw(cut(stream[:place] + inserted + stream[place + removed :]))
    )
    assert [each.name for each in answered if each.name] == worker.accepted
    assert len(answered) == len(worker.accepted) + len(worker.refused)
    assert len(worker.refused) <= 1
    intact, end = 0, 0
    for each in sent:
        end += len(each.request)
        intact += end <= place
    assert answered[:intact] == [each.answer for each in sent[: min(intact, len(answered))]]


@THOROUGH
@given(st.data(), streams([sized]), st.binary(max_size=100))
def test_garbage_is_at_most_one_request(
    data: st.DataObject, sent: list[Sent], garbage: bytes
) -> None:
    stream = b"".join(each.request for each in sent) + garbage
    worker, answered = converse(data.draw(cut(stream)))
    assert answered[: len(sent)] == [each.answer for each in sent]
    assert len(answered) - len(sent) == len(worker.refused) <= 1
