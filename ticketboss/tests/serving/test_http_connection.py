"""Connections: each of several generated requests gets its own answer."""

import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from urllib.parse import quote

import gevent
import gevent.socket
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketboss.serving.errors import ERROR, RequestError
from ticketboss.serving.http_connection import Connection
from ticketboss.serving.http_parser import Environ
from ticketboss.tests.serving.raw_http import CRLF, FRAGMENTS, PLENTY, THOROUGH, cut, head


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
        status = int(status_line.split()[1])
        if status == 100:  # The response follows. This one has neither headers nor a body.
            continue
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
        found.append(Answer(status, headers.get("X-Name", ""), body))
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
