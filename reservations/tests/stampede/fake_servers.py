"""Fake servers with the part of the API that the load test uses; most of them misbehave."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from socketserver import BaseServer, ThreadingTCPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

EVENT = "node-meetup-2025"
Answer = tuple[int, Any]


class FakeEvent:
    """An event with 20 seats that behaves correctly."""

    seats = 20

    def __init__(self) -> None:
        self.lock = Lock()
        self.available = self.seats
        self.feed: list[dict[str, Any]] = []

    def summary(self) -> Answer:
        return 200, {
            "totalSeats": self.seats,
            "availableSeats": self.available,
            "version": len(self.feed),
        }

    def changes(self, after: int, limit: int) -> Answer:
        page = self.feed[after : after + limit]
        return 200, {"data": page, "next": page[-1]["version"] if page else after}

    def reserve(self, seats: int) -> Answer:
        if not self.can_sell(seats):
            return 409, {"error": "Not enough seats left", "code": "not_enough_seats"}
        reservation_id = f"r{len(self.feed) + 1}"
        self.record(reservation_id, seats)
        return 201, {"reservationId": reservation_id, "seats": seats, "status": "confirmed"}

    def can_sell(self, seats: int) -> bool:
        return seats <= self.available

    def record(self, reservation_id: str, seats: int) -> None:
        self.available -= seats
        self.feed.append(
            {
                "version": len(self.feed) + 1,
                "kind": "confirmed",
                "seats": -seats,
                "availableSeats": self.available,
                "reservationId": reservation_id,
                "at": "2026-11-21T13:26:48.053561Z",
            }
        )


class Overselling(FakeEvent):
    """Oversells, and its feed shows it."""

    def can_sell(self, seats: int) -> bool:
        return self.available > -4


class HiddenOverselling(FakeEvent):
    """Oversells, but its feed contains only the sales for which there were seats."""

    requests = 0

    def reserve(self, seats: int) -> Answer:
        self.requests += 1
        if self.can_sell(seats) or self.requests > 100:
            return super().reserve(seats)
        return 201, {"reservationId": f"s{self.requests}", "seats": seats, "status": "confirmed"}


class LosingSales(FakeEvent):
    """Confirms its third sale without recording it."""

    sold = 0

    def record(self, reservation_id: str, seats: int) -> None:
        self.sold += 1
        if self.sold != 3:
            super().record(reservation_id, seats)


class RepeatingVersions(FakeEvent):
    """Returns version 2 of its feed twice."""

    def changes(self, after: int, limit: int) -> Answer:
        status, page = super().changes(after, limit)
        return status, {**page, "data": [*page["data"][:2], *page["data"][1:]]}


class Failing(FakeEvent):
    """Answers every reservation request with 500."""

    def reserve(self, seats: int) -> Answer:
        return 500, {"error": "Internal server error", "code": "internal_error"}


class UnknownOutcomes(FakeEvent):
    """Answers every second sale with ``outcome_unknown``, although it is recorded."""

    requests = 0

    def reserve(self, seats: int) -> Answer:
        status, body = super().reserve(seats)
        self.requests += 1
        if status == 201 and self.requests % 2 == 0:
            return 503, {"error": "The outcome is not known", "code": "outcome_unknown"}
        return status, body


class Denying(FakeEvent):
    """Refuses access after its first sale, as if the key had been revoked."""

    denial: Answer = (401, {"error": "A valid API key is required", "code": "unauthorized"})

    def reserve(self, seats: int) -> Answer:
        return self.denial if self.feed else super().reserve(seats)


class Redirecting(FakeEvent):
    """Redirects to another server."""

    def summary(self) -> Answer:
        return 301, {}


class NotTicketBoss(FakeEvent):
    """Answers with 200, but not with an event's summary."""

    def summary(self) -> Answer:
        return 200, {"hello": "world"}


class Answering(FakeEvent):
    """Answers with the given values instead of the event's; None leaves a value unchanged."""

    def __init__(
        self, *, summary: object = None, changes: object = None, reserve: Answer | None = None
    ) -> None:
        super().__init__()
        self._summary, self._changes, self._reserve = summary, changes, reserve

    def summary(self) -> Answer:
        return super().summary() if self._summary is None else (200, self._summary)

    def changes(self, after: int, limit: int) -> Answer:
        return super().changes(after, limit) if self._changes is None else (200, self._changes)

    def reserve(self, seats: int) -> Answer:
        answer = super().reserve(seats)
        return self._reserve or answer


class EndlessFeed(FakeEvent):
    """Claims to have very many changes, and returns another one for each request."""

    versions = 1_000_000
    """How many changes each summary adds."""
    summaries = 0

    def summary(self) -> Answer:
        self.summaries += 1
        _, body = super().summary()
        return 200, {**body, "version": self.versions * self.summaries}

    def changes(self, after: int, limit: int) -> Answer:
        change = {"kind": "edited", "seats": 0, "availableSeats": 20, "reservationId": None}
        return 200, {"data": [{**change, "version": after + 1}], "next": after + 1}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    event: FakeEvent
    prefix: str

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self.event.lock:
            if url.path == f"{self.prefix}/reservations":
                self._answer(self.event.summary())
            elif url.path == f"{self.prefix}/api/v1/events/{EVENT}/changes":
                self._answer(self.event.changes(int(query["after"]), int(query["limit"])))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == f"{self.prefix}/reservations"
        assert body["eventId"] == EVENT
        with self.event.lock:
            self._answer(self.event.reserve(body["seats"]))

    def _answer(self, answer: Answer) -> None:
        status, body = answer
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status == 301:
            self.send_header("Location", "https://tickets.example/sub/reservations?eventId=x")
        if status == 503:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    # All buyers connect at the same time. If the queue is full, Linux drops their connections, and
    # they try again after up to half a minute.
    request_queue_size = 256


class _RawServer(ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def serving(event: FakeEvent, prefix: str = "") -> Iterator[str]:
    """Serve ``event`` below the path ``prefix`` and yield the URL."""
    handler = type("Handler", (_Handler,), {"event": event, "prefix": prefix})
    with _Server(("127.0.0.1", 0), handler) as server, _running(server):
        yield f"http://127.0.0.1:{server.server_port}{prefix}"


@contextmanager
def sending(chunks: Callable[[], Iterator[bytes]], every: float = 0) -> Iterator[str]:
    """Answer each connection with the bytes of ``chunks``, one every ``every`` seconds.

    The server stops sending when the client or the block ends.
    """
    stopped = Event()

    def answer(client: socket, *_: object) -> None:
        client.settimeout(5)
        with suppress(OSError):
            client.recv(65_536)
            for chunk in chunks():
                client.sendall(chunk)
                if stopped.wait(every):
                    return

    with _RawServer(("127.0.0.1", 0), answer) as server, _running(server):  # type: ignore[arg-type]
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            stopped.set()


@contextmanager
def _running(server: BaseServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
