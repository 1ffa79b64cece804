"""Responses as bytes."""

from collections.abc import Iterable

import pytest

from ticketboss.serving.http_response import Response
from ticketboss.tests.serving.raw_http import CRLF


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
