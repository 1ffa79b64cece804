"""Many concurrent clients against a real server: group commit, limits, slow or lost clients."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import (
    ROOT,
    ServerProcess,
    assert_inventory_consistent,
    environment,
    free_port,
    locked_events,
    metrics,
    wait_until_blocking,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

CLIENTS = 40
BUY = {"partnerId": "abc-corp", "seats": 1}
INSERT_ANOTHER_EVENT = """
    INSERT INTO reservations_event
        (slug, name, total_seats, available_seats, reservation_count, version)
    VALUES ('another', 'Another', 10, 10, 0, 0)
"""


class Client:
    """A client with one keep-alive connection."""

    def __init__(self, server: ServerProcess) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def post(self, path: str, body: object) -> tuple[int, Any, dict[str, str]]:
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", path, json.dumps(body), headers)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read()), dict(response.headers)


def post_once(server: ServerProcess, path: str, body: object) -> tuple[int, Any, dict[str, str]]:
    client = Client(server)
    with closing(client.connection):
        return client.post(path, body)


def run_clients(server: ServerProcess, action: Callable[[Client], Any]) -> list[Any]:
    """Run ``action`` for ``CLIENTS`` concurrent clients; return the results."""

    def run(_: int) -> Any:
        client = Client(server)
        with closing(client.connection):
            return action(client)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(run, range(CLIENTS)))


def test_concurrent_clients_share_transactions_without_oversell(migrated_home: Path) -> None:
    with ServerProcess(migrated_home, WEB_CONCURRENCY="2") as server:
        responses = [
            response
            for of_one_client in run_clients(
                server, lambda client: [client.post("/reservations", BUY) for _ in range(15)]
            )
            for response in of_one_client
        ]
        assert Counter(status for status, _, _ in responses) == {201: 500, 409: CLIENTS * 15 - 500}
        sold = {body["reservationId"] for status, body, _ in responses if status == 201}
        assert len(sold) == 500
        with Cluster(server.home).connect("ticketboss") as database:
            [(batches,)] = database.execute(
                "SELECT count(DISTINCT at) FROM reservations_change"
            ).fetchall()
        assert batches < 250
        assert_inventory_consistent(server)


def test_killed_web_process_loses_no_confirmed_reservation(migrated_home: Path) -> None:
    acknowledged: list[str] = []
    statuses: set[int] = set()

    def buy(client: Client) -> None:
        for _ in range(12):
            try:
                status, body, _ = client.post("/reservations", BUY)
            except (OSError, http.client.HTTPException):
                client.connection.close()  # The web process is gone; reconnect to another one.
                continue
            statuses.add(status)
            if status == 201:
                acknowledged.append(body["reservationId"])

    with ServerProcess(migrated_home, WEB_CONCURRENCY="2") as server, ThreadPoolExecutor(1) as pool:
        sale = pool.submit(run_clients, server, buy)
        for sold in (50, 150):
            wait_until(lambda sold=sold: len(acknowledged) > sold or sale.done())  # type: ignore[misc]
            web_process(server).send_signal(signal.SIGKILL)
        sale.result(60)
        assert statuses <= {201}
        assert len(acknowledged) > 200
        with Cluster(server.home).connect("ticketboss") as database:
            rows = database.execute("SELECT id::text FROM reservations_reservation").fetchall()
        assert set(acknowledged) <= {pk for (pk,) in rows}
        assert_inventory_consistent(server)


def web_process(server: ServerProcess) -> psutil.Process:
    """Return one of the server's web processes."""
    [master] = psutil.Process(server.process.pid).children()
    return master.children()[0]


def test_requests_over_the_limit_get_503_without_waiting(migrated_home: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    with (
        ServerProcess(
            migrated_home,
            MAX_CONCURRENT_REQUESTS="4",
            REQUEST_TIMEOUT="30",
            METRICS_BIND=bind,
        ) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        with locked_events(server):
            in_flight = [pool.submit(server.reserve) for _ in range(4)]
            wait_until_full(server)
            started = time.monotonic()
            status, body, headers = post_once(server, "/reservations", BUY)
            # Requests in flight wait for the lock for up to 30 seconds.
            assert time.monotonic() - started < 10
            assert (status, body["code"], headers["Retry-After"]) == (503, "busy", "1")
            assert headers["X-Request-ID"]
            status, body, headers = post_once(server, "/api/v1/bookings", {})
            assert (status, body["error"], headers["Retry-After"]) == (503, "Busy", "1")
            for path in ("/health", "/ready", "/admin/login/"):
                assert status_of(server, path) == 200
            [rejected] = re.findall(
                r"^ticketboss_requests_shed_total (\d+)\.0$", metrics(bind), re.MULTILINE
            )
            assert int(rejected) >= 3
        assert [each.result(30).status for each in in_flight] == [201] * 4
        assert server.reserve().status == 201
        assert_inventory_consistent(server)


def wait_until_full(server: ServerProcess) -> None:
    """Return when as many requests are in flight as the server admits.

    Until then, the server answers this invalid request with 400, without using the database.
    """
    wait_until(lambda: post_once(server, "/api/v1/bookings", {})[0] == 503)


def status_of(server: ServerProcess, path: str) -> int:
    with closing(Client(server).connection) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_locked_event_leaves_capacity_for_other_events(migrated_home: Path) -> None:
    with (
        ServerProcess(
            migrated_home,
            MAX_CONCURRENT_REQUESTS="12",
            GROUP_COMMIT_MAX_QUEUE="6",
            REQUEST_TIMEOUT="30",
        ) as server,
        ThreadPoolExecutor(20) as pool,
    ):
        with (
            locked_events(server) as locking,
            Cluster(server.home).connect("ticketboss") as database,
        ):
            waiting = [pool.submit(server.reserve)]
            wait_until_blocking(locking)
            waiting += [pool.submit(server.reserve) for _ in range(19)]
            # All get 503 immediately except the leader and the six requests in its queue.
            wait_until(lambda: sum(each.done() for each in waiting) == 13)
            database.execute(INSERT_ANOTHER_EVENT)
            assert post_once(server, "/reservations", BUY | {"eventId": "another"})[0] == 201
        assert Counter(each.result(30).status for each in waiting) == {201: 7, 503: 13}
        assert_inventory_consistent(server)


def test_leader_and_queue_get_503_at_their_deadline(migrated_home: Path) -> None:
    with (
        ServerProcess(migrated_home, GROUP_COMMIT_MAX_QUEUE="2", REQUEST_TIMEOUT="2") as server,
        ThreadPoolExecutor(9) as pool,
        locked_events(server) as locking,
    ):
        calls = [pool.submit(server.reserve)]
        wait_until_blocking(locking)
        calls += [pool.submit(server.reserve) for _ in range(8)]
        assert Counter(call.result(30).status for call in calls) == {503: 9}
    # One for the leader, one for the queue, and at most one for requests that arrive later. The
    # others do not wait for the lock.
    assert server.output.count("canceling statement due to statement timeout") <= 3


def test_slow_and_lost_clients_do_not_block_others(migrated_home: Path) -> None:
    body = json.dumps(BUY).encode()
    head = b"POST /reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    with (
        ServerProcess(
            migrated_home,
            MAX_CONCURRENT_REQUESTS="5",
            REQUEST_TIMEOUT="30",
        ) as server,
        ThreadPoolExecutor(1) as pool,
        ExitStack() as stack,
    ):

        def send(request: bytes) -> socket.socket:
            client = socket.create_connection(("127.0.0.1", server.port))
            stack.enter_context(client)
            client.sendall(request)
            return client

        for _ in range(CLIENTS):  # A request does not count before its body has been read.
            send(head + body[:1])
        assert server.reserve().status == 201
        with locked_events(server):
            lost = [send(head + body) for _ in range(4)]
            waiting = pool.submit(server.reserve)
            wait_until_full(server)
            for client in lost:
                client.close()
        assert waiting.result(30).status == 201
        # A lost client's reservation may have been made, but completely or not at all.
        assert 2 <= server.request("GET", "/reservations").body["reservationCount"] <= 6
        assert_inventory_consistent(server)
    assert "crashed" not in server.output


def test_fast_client_does_not_starve_others(migrated_home: Path) -> None:
    """A greenlet that never has to wait for its socket must yield to the others."""
    requests = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
    with (
        ServerProcess(migrated_home) as server,
        ThreadPoolExecutor(2) as pool,
        closing(Client(server).connection) as other,
        closing(socket.create_connection(("127.0.0.1", server.port))) as fast,
    ):

        def send() -> None:
            with suppress(OSError):
                while True:
                    fast.sendall(requests)

        def receive() -> None:
            while fast.recv(65536):
                pass

        other.connect()
        fast.sendall(requests)
        fast.recv(1)
        pool.submit(send)
        pool.submit(receive)
        try:
            other.request("GET", "/health")
            assert other.getresponse().status == 200
        finally:
            fast.shutdown(socket.SHUT_RDWR)  # ends both threads


@pytest.mark.parametrize("imported_first", ["gevent", "psycopg"])
def test_worker_init_fails_if_psycopg_is_not_patched(home: Path, imported_first: str) -> None:
    start = "runpy.run_path('ticketboss/serving/gunicorn.conf.py')['post_worker_init'](None)"
    done = subprocess.run(
        [sys.executable, "-c", f"import {imported_first}, runpy; {start}"],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is (imported_first == "gevent")
    assert ("psycopg was imported before gevent's patch" in done.stderr) is bool(done.returncode)
