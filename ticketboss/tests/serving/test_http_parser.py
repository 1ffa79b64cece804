"""Complete heads: where they end, their limits, the scheme, and heads generated at random."""

from typing import Any
from urllib.parse import unquote

import pytest
from gunicorn.http.body import ChunkedReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import assume, event, given
from hypothesis import strategies as st

from ticketboss.serving import http_parser
from ticketboss.serving.errors import RequestError
from ticketboss.serving.http_framing import Framing
from ticketboss.serving.http_parser import Environ
from ticketboss.tests.serving.raw_http import (
    CRLF,
    GUNICORN,
    NO_BODY,
    THOROUGH,
    changed,
    head,
    parse,
    refusal,
    shortened,
)

REFUSALS = {400, 413, 414, 417, 431, 501}
SCHEME_HEADERS = {"HTTP_X_FORWARDED_PROTO": "https"}
HEADS = [
    head(b"X-Y: z", line=b"GET /a?b=c HTTP/1.1"),
    head(b"Content-Type: x", b"Content-Length: 5", line=b"POST /a HTTP/1.1") + b"hello",
    head(b"Expect: 100-continue", b"Transfer-Encoding: chunked", line=b"PUT / HTTP/1.1"),
    head(b"Connection: keep-alive", line=b"GET / HTTP/1.0"),
    head(b"Connection: Upgrade", b"Upgrade: x", b"Content-Length: 3"),
]
TOKEN = "!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TARGET = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
NAMES = st.text(st.sampled_from(TOKEN), max_size=12).map("x-".__add__)
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
    | st.just("\t"),
    max_size=20,
)
METHODS = st.sampled_from(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"])


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


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (head(line=b"GET /" + b"x" * 5000 + b" HTTP/1.1"), 414),
        (head(b"X: " + b"x" * 8186), 431),
        (head(*[b"X: y"] * 100), 431),
        (head(*[b"X_Y: y"] * 100), 431),
        (head(*[b"X: " + b"x" * 8000] * 5), 431),
    ],
    ids=shortened,
)
def test_too_long_head_is_refused(received: bytes, status: int) -> None:
    assert refusal(received) == status


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ([], ""),
        ([b"X-Forwarded-Proto: https"], "https"),
        ([b"X-Forwarded-Proto: http"], "http"),
        ([b"X-Forwarded-Proto: HTTPS"], "http"),
        ([b"X-Forwarded-Ssl: on"], ""),
        ([b"X-Forwarded-Protocol: ssl", b"X-Forwarded-Proto: http"], "http"),
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
        [b"X-Forwarded-Proto: https, http"],
        [b"X-Forwarded-Proto: http", b"X-Forwarded-Proto: https"],
    ],
)
def test_values_that_disagree_about_the_scheme_are_refused(headers: list[bytes]) -> None:
    with pytest.raises(RequestError):
        http_parser.forwarded_scheme(parse(head(*headers))[1], SCHEME_HEADERS)


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
