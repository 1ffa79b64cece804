"""An HTTP proxy in front of TicketBoss that does something else with chosen requests."""

import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple, Self

DROPPED_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One client connection. Each request but GET is handled as the proxy's plan says."""

    protocol_version = "HTTP/1.1"
    server: "HttpProxy"
    body: bytes

    def forward(self) -> Answer | None:
        """Send the request to the server; return its answer, or None if the connection is lost."""
        connection = HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        with suppress(OSError, HTTPException):
            connection.request(self.command, self.path, self.body, dict(self.headers.items()))
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
            self.server.count_status(answer.status)
            connection.close()
            return answer
        connection.close()
        return None

    def wait_for_the_client_to_leave(self) -> None:
        with suppress(OSError):
            self.rfile.read(1)

    def handle_one_request(self) -> None:
        with suppress(OSError):  # the client is gone
            super().handle_one_request()
            return
        self.close_connection = True

    def do_GET(self) -> None:
        self.body = b""
        self._reply(self.forward())

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        handler = self.server.plan.pop(self.server.next_number(), Exchange.forward)
        try:
            answer = handler(self)
        except BaseException as error:
            self.server.failures.append(error)
            raise
        self._reply(answer)

    do_DELETE = do_POST

    def _reply(self, answer: Answer | None) -> None:
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in DROPPED_HEADERS:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        pass


Handler = Callable[[Exchange], Answer | None]
"""Handles a request; if it returns None, the connection is closed without an answer."""


class HttpProxy(ThreadingHTTPServer):
    """Forwards to the port ``upstream``. Requests but GET are numbered in order of arrival, from 1.

    Attributes:
        plan: the handlers of the requests that are not simply forwarded, by number. Each is removed
            when it is called.
        statuses: the statuses that the server has answered, of all requests.
        failures: what handlers raised.
    """

    daemon_threads = True

    def __init__(self, upstream: int, plan: dict[int, Handler]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.upstream, self.plan = upstream, plan
        self.writes = 0
        self.statuses: set[int] = set()
        self.failures: list[BaseException] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_number(self) -> int:
        with self._lock:
            self.writes += 1
            return self.writes

    def plan_next(self, handler: Handler) -> None:
        """Plan a handler for the next request that has none."""
        with self._lock:
            self.plan[next(n for n in count(self.writes + 1) if n not in self.plan)] = handler

    def count_status(self, status: int) -> None:
        with self._lock:
            self.statuses.add(status)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def lose_request(exchange: Exchange) -> None:
    """Close the connection; the server gets nothing."""


def lose_answer(exchange: Exchange) -> None:
    """Close the connection after the server has answered."""
    exchange.forward()


def keep_answer(exchange: Exchange) -> None:
    """Let the client wait for the server's answer until it gives up."""
    exchange.forward()
    exchange.wait_for_the_client_to_leave()
