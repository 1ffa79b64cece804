"""A client's connection: reads requests, runs the application, sends responses.

Each connection has a greenlet. Whenever it waits for the client, ``deadline`` is set; the worker
calls ``expire`` once it has passed.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum, auto
from math import inf
from socket import SHUT_RD, SHUT_RDWR, SHUT_WR
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from gevent.hub import get_hub

from ticketboss.serving import http_parser
from ticketboss.serving.errors import ERROR, Disconnected, RequestError
from ticketboss.serving.http_body import ChunkedBody, SizedBody
from ticketboss.serving.http_framing import Framing
from ticketboss.serving.http_parser import Environ
from ticketboss.serving.http_response import Response

if TYPE_CHECKING:
    from ticketboss.serving.gevent_worker import GeventWorker

# How long a client may take, in seconds: until the next request, for the rest of its head, for its
# body, and to receive a response or a part of a streamed one.
IDLE_SECONDS = 5
HEAD_SECONDS = 5
BODY_SECONDS = 10
SEND_SECONDS = 10

# What is read and discarded before a connection is closed within a request. Otherwise the client's
# system may discard the response unread (RFC 9112 9.6).
_LINGER_SECONDS = 2
_LINGER_BYTES = 256 * 1024

_RECEIVE_BYTES = 16 * 1024
_READ = 1  # gevent's number for the event "readable"
_UNKNOWN_FRAMING = Framing(length=0, chunked=False, keep_alive=False, expects_continue=False)


class Wait(Enum):
    """What a connection waits for."""

    NOTHING = auto()
    REQUEST = auto()
    HEAD = auto()
    BODY = auto()
    SEND = auto()


class Connection:
    """An accepted connection.

    Args:
        worker: the worker of this process.
        sock: the connected socket.
        environ: the part of the WSGI environ that all requests of this connection have in common.
        secure_headers: the keys of headers that report the scheme, and the values that mean https;
            empty if the client is not a trusted proxy.
        for_probes: the connection is reserved for health checks.
    """

    def __init__(
        self,
        worker: "GeventWorker",
        sock: Any,
        environ: Environ,
        secure_headers: Mapping[str, str],
        *,
        for_probes: bool,
    ) -> None:
        self.for_probes = for_probes
        self.wait = Wait.REQUEST
        self.waiting_since = inf
        """Since when the client is awaited, by ``time.monotonic()``; inf if it is not.

        While a request is received, that is the first byte of its head, then the end of its head.
        """
        self.deadline = inf
        """When the current wait ends."""
        self._worker = worker
        self._socket = sock
        self._environ = environ
        self._secure_headers = secure_headers
        self._received = b""
        self._expired = False
        self._dropped = False
        self._expects_continue = False
        self._head_ended = inf
        self._hub: Any = get_hub()  # type: ignore[no-untyped-call]
        self._loop_iteration = self._hub.loop.iteration
        self._readable = self._hub.loop.io(sock.fileno(), _READ)

    @property
    def was_polled(self) -> bool:
        """Whether the event loop has looked for data since the connection was accepted."""
        return bool(self._hub.loop.iteration > self._loop_iteration)

    def expire(self) -> None:
        """End the current wait: answer 408 to an incomplete request, or close the connection."""
        if self.wait in {Wait.HEAD, Wait.BODY}:
            self._expired = True
            self._stop_waiting(SHUT_RD)
        else:
            self.drop()

    def drop(self) -> None:
        """End the current wait and close the connection without an answer."""
        self._dropped = True
        self._stop_waiting(SHUT_RDWR)

    def _stop_waiting(self, how: int) -> None:
        self.deadline = inf
        with suppress(OSError):  # The client has disconnected.
            self._socket.shutdown(how)

    def serve(self) -> None:
        """Answer requests until the client or an error ends the connection."""
        try:
            with suppress(Disconnected):
                while self._serve_request():
                    pass
        finally:
            self._readable.close()

    def _serve_request(self) -> bool:
        """Answer one request; return whether the connection stays open."""
        environ = self._environ.copy()
        framing = _UNKNOWN_FRAMING
        head = b""
        try:
            head = self._read_head()
            if not head:
                return False
            framing = self._parse(head, environ)
        except RequestError as error:
            environ[ERROR] = error
            if not head:
                http_parser.read_incomplete(self._received, environ)
        body = ChunkedBody(self) if framing.chunked else SizedBody(self, framing.length)
        environ["wsgi.input"] = body
        keep_alive = self._respond(environ, framing, body)
        if ERROR in environ or not body.complete or (self._received and not keep_alive):
            self._linger()
        return keep_alive

    def _respond(self, environ: Environ, framing: Framing, body: SizedBody | ChunkedBody) -> bool:
        response = Response(environ.get("REQUEST_METHOD"), environ.get("SERVER_PROTOCOL"))
        sent = False
        parts: Iterable[bytes] = ()
        try:
            parts = self._worker.wsgi(environ, response.start)
            response.close = not (framing.keep_alive and body.complete and self._stays_open)
            for data in response.encode(parts):
                self._send(data)
                sent = True
        except Disconnected:
            raise
        except Exception as error:
            if sent or ERROR in environ:
                self._worker.log.exception("Error handling request %s", environ.get("PATH_INFO"))
                return False
            crashed = environ | {ERROR: RequestError.from_crash(error)}
            return self._respond(crashed, _UNKNOWN_FRAMING, body)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return not response.close

    @property
    def _stays_open(self) -> bool:
        return self._worker.alive and not self._expired

    def _read_head(self) -> bytes:
        """Return the head of the next request, or b"" if the client has closed the connection.

        Raises:
            RequestError: the head is too long, malformed or too slow.
        """
        if self._received:
            # This client has sent several requests at once. Let others run.
            gevent.sleep(0)  # type: ignore[no-untyped-call]
        else:
            self._received = self._receive(Wait.REQUEST, monotonic(), IDLE_SECONDS)
        length = http_parser.find_end(self._received)
        if not length:
            length = self._receive_rest_of_head()
        self._head_ended = monotonic()
        head, self._received = self._received[:length], self._received[length:]
        return head.removeprefix(b"\r\n")  # One empty line is allowed (RFC 9112 2.2).

    def _receive_rest_of_head(self) -> int:
        """Receive until the head is complete; return its length, or 0 if the client disconnects."""
        received, length = bytearray(self._received), 0
        started = monotonic()
        try:
            while not length:
                # An empty line is not yet a request, so it does not delay a stop.
                wait = Wait.HEAD if received.strip() else Wait.REQUEST
                data = self._receive(wait, started, HEAD_SECONDS)
                if not data:
                    break
                searched = len(received)
                received += data
                length = http_parser.find_end(received, searched)
        finally:
            self._received = bytes(received)
        if self._expired and received.strip() and not length:
            raise RequestError(408, "the head was not complete in time")
        return length

    def _parse(self, head: bytes, environ: Environ) -> Framing:
        framing = http_parser.parse(head, environ)
        self._expects_continue = framing.expects_continue
        if self._secure_headers:
            scheme = http_parser.forwarded_scheme(environ, self._secure_headers)
            environ["wsgi.url_scheme"] = scheme or environ["wsgi.url_scheme"]
        self._worker.admit(self, environ)
        return framing

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes of the body.

        Raises:
            RequestError: the client is too slow, or has disconnected.
        """
        if len(self._received) < size:
            received = bytearray(self._received)
            while len(received) < size:
                received += self._receive_body()
            self._received = bytes(received)
        data, self._received = self._received[:size], self._received[size:]
        return data

    def take_some(self) -> bytes:
        """Return one or more bytes of the body.

        Raises:
            RequestError: the client is too slow, or has disconnected.
        """
        data, self._received = self._received, b""
        return data or self._receive_body()

    def give_back(self, data: bytes) -> None:
        """Take back bytes that belong to the next request."""
        self._received = data + self._received

    def _receive_body(self) -> bytes:
        if self._expects_continue:
            self._expects_continue = False
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = self._receive(Wait.BODY, self._head_ended, BODY_SECONDS)
        if data:
            return data
        if self._expired:
            raise RequestError(408, "the body was not complete in time")
        raise RequestError(400, "the body ended early")

    def _receive(self, wait: Wait, since: float, seconds: float) -> bytes:
        self._begin_wait(wait, since, seconds)
        self._hub.wait(self._readable)
        if self._dropped:
            # A request may have arrived in the same moment. Its client could not get an answer.
            raise Disconnected
        try:
            data: bytes = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise Disconnected from error
        self._end_wait()
        return data

    def _send(self, data: bytes) -> None:
        self._begin_wait(Wait.SEND, monotonic(), SEND_SECONDS)
        try:
            sent = self._socket.send(data)
            while sent < len(data):
                sent += self._socket.send(memoryview(data)[sent:])
        except OSError as error:
            raise Disconnected from error
        self._end_wait()

    def _begin_wait(self, wait: Wait, since: float, seconds: float) -> None:
        self.wait, self.waiting_since, self.deadline = wait, since, since + seconds

    def _end_wait(self) -> None:
        self.wait, self.waiting_since, self.deadline = Wait.NOTHING, inf, inf

    def _linger(self) -> None:
        """Give the client time to read the response before the connection is closed."""
        with suppress(OSError):  # The client has disconnected.
            self._socket.shutdown(SHUT_WR)
        started, left = monotonic(), _LINGER_BYTES
        while left > 0 and (data := self._receive(Wait.BODY, started, _LINGER_SECONDS)):
            left -= len(data)
