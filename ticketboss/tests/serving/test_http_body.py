"""Bodies of requests: with a length, in chunks, and chunks generated at random."""

from collections.abc import Iterable
from typing import Any, cast

import gevent
import pytest
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import assume, event, given
from hypothesis import strategies as st

from ticketboss.serving.errors import RequestError
from ticketboss.serving.http_body import ChunkedBody, SizedBody
from ticketboss.tests.serving.raw_http import CRLF, GUNICORN, PLENTY, THOROUGH, changed, cut, head

CHUNKS = [
    b"3\r\nabc\r\n0\r\n\r\n",
    b'3;a=b\r\nabc\r\n4;c="d e";f\r\nefgh\r\n0;x\r\nX: y\r\nZ: z\r\n\r\n',
]


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


def test_many_short_chunks_let_other_requests_run() -> None:
    turns: list[None] = []

    def serve_another_request() -> None:
        while True:
            turns.append(None)
            gevent.sleep(0)

    other = gevent.spawn(serve_another_request)
    connection = Pieces([b"1\r\na\r\n" * 2000 + b"0\r\n\r\n" + b"GET /" * 1000])
    body = ChunkedBody(cast("Any", connection))
    assert body.read(PLENTY) == b"a" * 2000
    other.kill()
    assert len(turns) >= 5
    assert connection.left == b"GET /" * 1000


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
