"""The framing of a request: its body, keep-alive and ``Expect``."""

import pytest

from ticketboss.serving.http_framing import Framing
from ticketboss.tests.serving.raw_http import NO_BODY, head, parse, refusal, shortened


@pytest.mark.parametrize(
    ("received", "status"),
    [
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
def test_malformed_framing_is_refused(received: bytes, status: int) -> None:
    assert refusal(received) == status


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
