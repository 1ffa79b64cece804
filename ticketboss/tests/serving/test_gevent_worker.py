"""The gunicorn worker, run in a thread with an application of the tests."""

import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from unittest.mock import Mock

import gevent.event
import pytest
from gevent import socket as gevent_socket
from gunicorn.config import Config

from reservations.tests.waiting import wait_until
from ticketboss.serving import gevent_worker, http_connection
from ticketboss.serving.errors import ERROR, RequestError
from ticketboss.serving.gevent_worker import GeventWorker
from ticketboss.serving.http_connection import Wait
from ticketboss.serving.http_parser import Environ

CONNECTIONS = 3
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
POST_HALF = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
WAIT = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"


class Body:
    """An iterable with ``close``, like Django's responses."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    def close(self) -> None:
        pass


class RunningWorker:
    """A worker in a thread. ``/wait`` and ``?wait`` are answered when ``release`` is called."""

    def __init__(self, **options: object) -> None:
        self.environs: list[Environ] = []
        self._config = Config()
        for name, value in ({"worker_connections": CONNECTIONS} | options).items():
            self._config.set(name, value)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.log = Mock()
        self._calls: list[Callable[[], object]] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(30)

    def _run(self) -> None:
        listener = gevent_socket.socket(  # type: ignore[attr-defined]
            fileno=self._listener.detach()
        )
        arguments = (0, os.getppid(), [listener], None, 30, self._config, self.log)
        self.worker = GeventWorker(*arguments)
        self.worker.wsgi = self._application
        self._release = gevent.event.Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._woken)
        self._started.set()
        self.worker.run()
        self.worker.tmp.close()

    def _application(self, environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        self.environs.append(environ)
        if environ.get("PATH_INFO") == "/wait" or environ.get("QUERY_STRING") == "wait":
            self._release.wait()
        error = environ.get(ERROR)
        start(f"{error.status} -" if error else "200 OK", [("Content-Length", "2")])
        return Body(b"ok")

    def call(self, function: Callable[[], object]) -> None:
        """Call ``function`` in the thread of the worker, between two steps of its loop."""
        self._calls.append(function)
        self._wake.send()

    def _woken(self) -> None:
        while self._calls:
            self._calls.pop()()

    def release(self) -> None:
        """Answer the requests to ``/wait``."""
        self.call(self._release.set)

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Return a new connection on which ``sent`` has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(sent)
        return connection

    def count(self, wait: Wait) -> int:
        """Return how many connections wait for this."""
        return sum(each.wait is wait for each in list(self.worker._connections))

    def request(self, path: str, **headers: str) -> int:
        """Return the status of a request on a new connection."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status

    def terminate(self) -> None:
        """Do what SIGTERM does."""
        self.worker.handle_exit(None, None)

    def stop(self) -> None:
        """Stop the worker, and wait until it has finished."""
        self.terminate()
        self.release()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def start() -> Iterator[Callable[..., RunningWorker]]:
    """A function that runs a worker with these options of gunicorn until the test ends."""
    with ExitStack() as stack:

        def start(**options: object) -> RunningWorker:
            worker = RunningWorker(**options)
            stack.callback(worker.stop)
            return worker

        yield start


Start = Callable[..., RunningWorker]


def test_new_connection_replaces_the_slowest(start: Start) -> None:
    worker = start()
    slow = []
    for number in range(1, CONNECTIONS + 1):
        slow.append(worker.connect(HEALTH[:number]))
        wait_until(lambda number=number: worker.count(Wait.HEAD) == number)  # type: ignore[misc]
    assert worker.request("/anything") == 200
    assert slow[0].recv(1) == b""
    for connection in slow[1:]:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    for connection in slow:
        connection.close()


def test_last_connections_are_for_probes(start: Start) -> None:
    worker = start()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(worker.connect(WAIT))
        wait_until(lambda: len(worker.environs) == CONNECTIONS)
        assert [worker.request(path) for path in ("/health", "/ready")] == [200, 503]
        assert worker.request("/anything") == 503
        with worker.connect(b"OPTIONS /anything HTTP/1.1\r\nHost: a\r\n\r\n") as preflight:
            assert preflight.recv(1000).startswith(b"HTTP/1.1 200 ")
        worker.release()
    wait_until(lambda: not worker.worker._connections)
    assert worker.request("/anything") == 200


def test_probe_is_dropped_only_once_the_reserve_is_used_up(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "IDLE_SECONDS", 60)  # Only a drop ends a connection here.
    worker = start()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(worker.connect(WAIT))
        wait_until(lambda: len(worker.environs) == CONNECTIONS)
        probes = []
        for number in range(1, gevent_worker._USED_RESERVE + 1):
            probes.append(stack.enter_context(worker.connect()))
            wait_until(lambda number=number: worker.count(Wait.REQUEST) == number)  # type: ignore[misc]
        probes.append(stack.enter_context(worker.connect()))
        assert probes[0].recv(1) == b""
        for probe in probes[1:]:
            probe.sendall(HEALTH)
            assert probe.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_clients_accepted_together_do_not_replace_each_other(start: Start) -> None:
    worker = start()
    clients: list[socket.socket] = []
    with ExitStack() as stack:
        for _ in range(CONNECTIONS - 1):
            stack.enter_context(worker.connect(WAIT))
        wait_until(lambda: len(worker.environs) == CONNECTIONS - 1)

        def connect_all() -> None:
            clients.extend(stack.enter_context(worker.connect(HEALTH)) for _ in range(4))

        worker.call(connect_all)  # before the worker accepts the first of them
        wait_until(lambda: len(clients) == 4)
        for client in clients:
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_connections_that_become_idle_make_room(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "IDLE_SECONDS", 60)  # Only a drop ends a connection here.
    worker = start()
    everything = CONNECTIONS + gevent_worker._RESERVED_CONNECTIONS
    with ExitStack() as stack:
        for number in range(1, everything + 1):
            stack.enter_context(worker.connect(HEALTH.replace(b"/health", b"/health?wait")))
            wait_until(lambda number=number: len(worker.environs) == number)  # type: ignore[misc]
        worker.release()
        wait_until(lambda: worker.count(Wait.REQUEST) > 0)
        assert worker.request("/health") == 200


def test_reserved_connection_becomes_ordinary_once_others_end(start: Start) -> None:
    worker = start()
    with ExitStack() as stack:
        busy = [stack.enter_context(worker.connect(WAIT)) for _ in range(CONNECTIONS)]
        wait_until(lambda: len(worker.environs) == CONNECTIONS)
        probe = stack.enter_context(worker.connect(HEALTH))
        assert probe.recv(1000).startswith(b"HTTP/1.1 200 ")
        worker.release()
        for connection in busy:
            connection.recv(1000)
            connection.close()
        wait_until(lambda: len(worker.worker._connections) == 1)
        probe.sendall(WAIT)
        assert probe.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("pieces", [1, 2])
def test_refused_head_keeps_what_the_response_needs(start: Start, pieces: int) -> None:
    worker = start()
    head = b"GET /x HTTP/1.1\r\nHost: a\r\nOrigin: b\r\nX-Request-ID: c\r\nX: " + b"x" * 9000
    with worker.connect() as connection:
        for part in (head[:10], head[10:]) if pieces == 2 else (head,):
            connection.sendall(part)
            wait_until(lambda: worker.count(Wait.HEAD) == 1 or bool(worker.environs))
        assert connection.recv(1000).startswith(b"HTTP/1.1 431 ")
    [environ] = worker.environs
    names = ("PATH_INFO", "HTTP_ORIGIN", "HTTP_X_REQUEST_ID")
    assert [environ[name] for name in names] == ["/x", "b", "c"]


def test_bytes_after_a_refused_head_are_not_its_headers(start: Start) -> None:
    worker = start()
    refused = b"GET /#x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    smuggled = b"GET /b HTTP/1.1\r\nX-Forwarded-For: 192.0.2.2\r\nX-Request-ID: d\r\n\r\n"
    with worker.connect(refused + smuggled) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    [environ] = worker.environs
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"
    assert not {"PATH_INFO", "HTTP_X_REQUEST_ID"} & environ.keys()


@pytest.mark.parametrize(
    ("allowed", "scheme"),
    [("127.0.0.1", "https"), ("127.0.0.0/8", "https"), ("*", "https"), ("192.0.2.1", "http")],
)
def test_only_trusted_proxies_set_the_scheme(start: Start, allowed: str, scheme: str) -> None:
    worker = start(forwarded_allow_ips=allowed)
    worker.request("/", **{"X-Forwarded-Proto": "https"})
    [environ] = worker.environs
    assert environ["wsgi.url_scheme"] == scheme
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PORT"] == str(worker.port)


def test_worker_stops_after_max_requests(start: Start) -> None:
    worker = start(max_requests=2)
    assert [worker.request("/"), worker.request("/")] == [200, 200]
    worker._thread.join(30)
    assert not worker._thread.is_alive()


def test_stop_finishes_requests_and_says_so_to_the_application(start: Start) -> None:
    worker = start()
    with worker.connect(WAIT) as waiting, worker.connect() as idle:
        wait_until(lambda: len(worker.environs) == 1)
        wait_until(lambda: len(worker.worker._connections) == 2)
        worker.terminate()
        assert idle.recv(1) == b""
        worker.release()
        assert b"Connection: close\r\n" in waiting.recv(1000)
    assert "server.shutting_down" not in worker.environs[0]
    worker._thread.join(30)


def test_request_after_stop_sees_that_the_server_shuts_down(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gevent_worker, "_DRAIN_SECONDS", 1)
    worker = start()
    worker.terminate()
    worker.request("/ready")
    assert worker.environs[0]["server.shutting_down"]


def test_stop_gives_up_before_gunicorn_kills_the_process(start: Start) -> None:
    worker = start(graceful_timeout=2)
    with worker.connect(WAIT):
        wait_until(lambda: len(worker.environs) == 1)
        worker.terminate()
        started = time.monotonic()
        worker._thread.join(30)
    assert time.monotonic() - started < 2
    worker.log.warning.assert_called_once()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"\r\n", b""), (HEALTH[:-4], b"HTTP/1.1 408 "), (POST_HALF, b"HTTP/1.1 408 ")],
    ids=["empty-line", "half-a-head", "half-a-body"],
)
def test_half_a_request_hardly_delays_the_stop(
    start: Start, monkeypatch: pytest.MonkeyPatch, sent: bytes, answer: bytes
) -> None:
    monkeypatch.setattr(gevent_worker, "_FINISH_SENDING_SECONDS", 0.5)
    worker = start()

    def read_body(environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        try:
            environ["wsgi.input"].read(9)
        except RequestError as error:
            environ[ERROR] = error
        return worker._application(environ, start)

    worker.worker.wsgi = read_body
    with worker.connect(sent) as connection:
        wait_until(lambda: len(worker.worker._connections) == 1)
        time.sleep(0.1)
        worker.terminate()
        worker._thread.join(http_connection.HEAD_SECONDS - 1)
        assert not worker._thread.is_alive()
        assert connection.recv(1000).startswith(answer)


def test_dropped_connection_runs_no_request_that_just_arrived(start: Start) -> None:
    worker = start()
    with worker.connect(HEALTH[:10]) as connection:
        wait_until(lambda: worker.count(Wait.HEAD) == 1)
        [dropped] = worker.worker._connections

        def drop() -> None:
            connection.sendall(HEALTH[10:])
            dropped.drop()

        worker.call(drop)  # before the greenlet of the connection runs again
        assert connection.recv(1) == b""
    assert worker.environs == []


class Failing(Body):
    """A body of which only the first ``parts`` can be sent."""

    def __init__(self, parts: int) -> None:
        super().__init__(b"")
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from [b"o"] * self._parts
        raise OSError("no such file")


@pytest.mark.parametrize(("parts", "answered"), [(0, True), (1, False)], ids=["first", "second"])
def test_error_of_the_application_ends_the_connection(
    start: Start, parts: int, answered: bool
) -> None:
    worker = start()

    def fail(environ: Environ, start: Callable[..., object]) -> Iterable[bytes]:
        if ERROR in environ:
            return worker._application(environ, start)
        start("200 OK", [("Content-Length", "2")])
        return Failing(parts)

    worker.worker.wsgi = fail
    with worker.connect(HEALTH * 2) as connection:
        received = b"".join(iter(lambda: connection.recv(1000), b""))
    assert received.count(b"HTTP/1.1 ") == 1
    assert (b"HTTP/1.1 500 " in received) is answered
    assert (b"Connection: close\r\n" in received) is answered
    # The application logs an error that it can answer.
    assert worker.log.exception.call_count == (0 if answered else 1)


@pytest.mark.parametrize(
    "options",
    [{"certfile": "x"}, {"proxy_protocol": "auto"}, {"http2_cleartext": "upgrade"}],
    ids=["tls", "proxy-protocol", "http2"],
)
def test_unsupported_option_stops_the_start(options: dict[str, Any]) -> None:
    config = Config()
    GeventWorker.check_config(config, Mock())
    for name, value in options.items():
        config.set(name, value)
    with pytest.raises(SystemExit, match="WORKER_CLASS=gevent"):
        GeventWorker.check_config(config, Mock())
