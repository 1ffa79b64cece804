"""Raw HTTP requests for the tests of the server's modules: fixed ones, and generated ones."""

from itertools import pairwise

import pytest
from gunicorn.config import Config
from hypothesis import settings
from hypothesis import strategies as st

from ticketboss.serving import http_parser
from ticketboss.serving.errors import RequestError
from ticketboss.serving.http_framing import Framing
from ticketboss.serving.http_parser import Environ

CRLF = b"\r\n"
NO_BODY = Framing(length=0, chunked=False, keep_alive=True, expects_continue=False)
# More than any body here.
PLENTY = 100_000
THOROUGH = settings(max_examples=300)
# The environ of ``head()``, without the Host header.
DEFAULTS: Environ = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
}
# gunicorn keeps some headers with underscores by default; ours ignores all.
GUNICORN = Config()
GUNICORN.set("forwarder_headers", "")
# What ``changed`` inserts.
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
