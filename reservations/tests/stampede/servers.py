"""Servers that speak the API, as far as a stampede needs it, and do not always tell the truth."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

EVENT = "node-meetup-2025"
Answer = tuple[int, dict[str, Any]]


class Honest:
    """An event with seats for a few."""

    seats = 20

    def __init__(self) -> None:
        self.lock = Lock()
        self.available = self.seats
        self.feed: list[dict[str, Any]] = []

    def figures(self) -> Answer:
        return 200, {
            "totalSeats": self.seats,
            "availableSeats": self.available,
            "version": len(self.feed),
        }

    def changes(self, after: int, limit: int) -> Answer:
        page = self.feed[after : after + limit]
        return 200, {"data": page, "next": page[-1]["version"] if page else after}

    def reserve(self, seats: int) -> Answer:
        if not self.has(seats):
            return 409, {"error": "Not enough seats left", "code": "not_enough_seats"}
        named = f"r{len(self.feed) + 1}"
        self.write(named, seats)
        return 201, {"reservationId": named, "seats": seats, "status": "confirmed"}

    def has(self, seats: int) -> bool:
        return seats <= self.available

    def write(self, named: str, seats: int) -> None:
        self.available -= seats
        self.feed.append(
            {
                "version": len(self.feed) + 1,
                "kind": "confirmed",
                "seats": -seats,
                "availableSeats": self.available,
                "reservationId": named,
                "at": "2026-11-21T13:26:48.053561Z",
            }
        )


class Overselling(Honest):
    """It sells what it does not have, and says so in its feed."""

    def has(self, seats: int) -> bool:
        return self.available > -4


class SecretlyOverselling(Honest):
    """It sells ever more, and its feed shows only what it had."""

    told = 0

    def reserve(self, seats: int) -> Answer:
        self.told += 1
        if self.has(seats) or self.told > 100:
            return super().reserve(seats)
        return 201, {"reservationId": f"s{self.told}", "seats": seats, "status": "confirmed"}


class Forgetful(Honest):
    """It forgets what it has sold to its third buyer."""

    told = 0

    def write(self, named: str, seats: int) -> None:
        self.told += 1
        if self.told != 3:
            super().write(named, seats)


class Repeating(Honest):
    """It gives out a version twice."""

    def changes(self, after: int, limit: int) -> Answer:
        status, page = super().changes(after, limit)
        return status, {**page, "data": [*page["data"][:2], *page["data"][1:]]}


class Broken(Honest):
    """It answers no buyer."""

    def reserve(self, seats: int) -> Answer:
        return 500, {"error": "Internal server error", "code": "internal_error"}


class Uncertain(Honest):
    """Of every two sales it does not know the second."""

    told = 0

    def reserve(self, seats: int) -> Answer:
        status, body = super().reserve(seats)
        self.told += 1
        if status == 201 and self.told % 2 == 0:
            return 503, {"error": "The outcome is not known", "code": "outcome_unknown"}
        return status, body


class Elsewhere(Honest):
    """It has moved."""

    def figures(self) -> Answer:
        return 301, {}


class Stranger(Honest):
    """It is no TicketBoss."""

    def figures(self) -> Answer:
        return 200, {"hello": "world"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    event: Honest
    prefix: str

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self.event.lock:
            if url.path == f"{self.prefix}/reservations":
                self._answer(self.event.figures())
            elif url.path == f"{self.prefix}/api/v1/events/{EVENT}/changes":
                self._answer(self.event.changes(int(query["after"]), int(query["limit"])))

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == f"{self.prefix}/reservations"
        assert wanted["eventId"] == EVENT
        with self.event.lock:
            self._answer(self.event.reserve(wanted["seats"]))

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


@contextmanager
def serving(event: Honest, prefix: str = "") -> Iterator[str]:
    """Serve ``event`` below ``prefix`` and give the address."""
    handler = type("Handler", (_Handler,), {"event": event, "prefix": prefix})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{prefix}"
        finally:
            server.shutdown()
            thread.join()
