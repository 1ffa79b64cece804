"""Everybody at once, over HTTP: a real gunicorn on greenlets, and what goes wrong around it."""

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
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import (
    ROOT,
    Serving,
    assert_no_drift,
    environment,
    locked,
    wait_for_a_waiter,
)

pytestmark = pytest.mark.slow

CLIENTS = 40
BUY = {"partnerId": "abc-corp", "seats": 1}
OPEN_ANOTHER = """
    INSERT INTO reservations_event
        (slug, name, total_seats, available_seats, reservation_count, version)
    VALUES ('another', 'Another', 10, 10, 0, 0)
"""


class Client:
    """One keep-alive connection."""

    def __init__(self, serving: Serving) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)

    def post(self, path: str, body: object) -> tuple[int, Any, dict[str, str]]:
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.headers)


def post_once(serving: Serving, path: str, body: object) -> tuple[int, Any, dict[str, str]]:
    client = Client(serving)
    with closing(client.connection):
        return client.post(path, body)


def all_at_once(serving: Serving, each: Callable[[Client], Any]) -> list[Any]:
    """Let every client do the same on a connection of its own."""

    def run(_: int) -> Any:
        client = Client(serving)
        with closing(client.connection):
            return each(client)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(run, range(CLIENTS)))


def test_every_seat_is_sold_once_by_few_transactions(migrated_home: Path) -> None:
    with Serving(migrated_home, WEB_CONCURRENCY="2") as serving:
        answers = [
            answer
            for told in all_at_once(
                serving, lambda client: [client.post("/reservations", BUY) for _ in range(15)]
            )
            for answer in told
        ]
        assert Counter(status for status, _, _ in answers) == {201: 500, 409: CLIENTS * 15 - 500}
        sold = {body["reservationId"] for status, body, _ in answers if status == 201}
        assert len(sold) == 500
        with Cluster(serving.home).connect("ticketboss") as database:
            [(batches,)] = database.execute(
                "SELECT count(DISTINCT at) FROM reservations_change"
            ).fetchall()
        assert batches < 250
        assert_no_drift(serving)


def test_a_killed_worker_loses_nothing_that_it_answered(migrated_home: Path) -> None:
    acknowledged: list[str] = []
    statuses: set[int] = set()

    def buy(client: Client) -> None:
        for _ in range(12):
            try:
                status, body, _ = client.post("/reservations", BUY)
            except (OSError, http.client.HTTPException):
                client.connection.close()  # Its worker is gone; another takes the next.
                continue
            statuses.add(status)
            if status == 201:
                acknowledged.append(body["reservationId"])

    with Serving(migrated_home, WEB_CONCURRENCY="2") as serving, ThreadPoolExecutor(1) as pool:
        sale = pool.submit(all_at_once, serving, buy)
        for sold in (50, 150):
            wait_until(lambda sold=sold: len(acknowledged) > sold or sale.done())  # type: ignore[misc]
            a_worker_of(serving).send_signal(signal.SIGKILL)
        sale.result(60)
        assert statuses <= {201}
        assert len(acknowledged) > 200
        with Cluster(serving.home).connect("ticketboss") as database:
            rows = database.execute("SELECT id::text FROM reservations_reservation").fetchall()
        assert set(acknowledged) <= {pk for (pk,) in rows}
        assert_no_drift(serving)


def a_worker_of(serving: Serving) -> psutil.Process:
    [master] = psutil.Process(serving.process.pid).children()
    return master.children()[0]


def test_requests_over_the_limit_get_503_quickly(migrated_home: Path) -> None:
    with (
        Serving(
            migrated_home,
            MAX_CONCURRENT_REQUESTS="4",
            LOCK_TIMEOUT="30",
            GROUP_COMMIT_QUEUE_TIMEOUT="30",
            METRICS_ALLOWED_IPS="127.0.0.1",
        ) as serving,
        ThreadPoolExecutor(4) as pool,
    ):
        with locked(serving):
            inside = [pool.submit(serving.reserve) for _ in range(4)]
            wait_until(lambda: post_once(serving, "/api/v1/bookings", {})[0] == 503)
            started = time.monotonic()
            status, body, headers = post_once(serving, "/reservations", BUY)
            assert time.monotonic() - started < 10  # those inside wait 30 for the lock
            assert (status, body["code"], headers["Retry-After"]) == (503, "busy", "1")
            assert headers["X-Request-ID"]
            status, body, headers = post_once(serving, "/api/v1/bookings", {})
            assert (status, body["error"], headers["Retry-After"]) == (503, "Busy", "1")
            for path in ("/health", "/ready", "/admin/login/"):
                assert status_of(serving, path) == 200
            [shed] = re.findall(
                r"^ticketboss_requests_shed_total (\d+)\.0$", serving.text("/metrics"), re.MULTILINE
            )
            assert int(shed) >= 3
        assert [each.result(30).status for each in inside] == [201] * 4
        assert serving.reserve().status == 201
        assert_no_drift(serving)


def status_of(serving: Serving, path: str) -> int:
    with closing(Client(serving).connection) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_a_locked_event_leaves_room_for_the_others(migrated_home: Path) -> None:
    with (
        Serving(
            migrated_home,
            MAX_CONCURRENT_REQUESTS="12",
            GROUP_COMMIT_MAX_QUEUE="6",
            LOCK_TIMEOUT="30",
            GROUP_COMMIT_QUEUE_TIMEOUT="30",
        ) as serving,
        ThreadPoolExecutor(20) as pool,
    ):
        with locked(serving), Cluster(serving.home).connect("ticketboss") as database:
            waiting = [pool.submit(serving.reserve)]
            wait_for_a_waiter(database)
            waiting += [pool.submit(serving.reserve) for _ in range(19)]
            # All are told at once but who leads, and who may wait behind.
            wait_until(lambda: sum(each.done() for each in waiting) == 13)
            database.execute(OPEN_ANOTHER)
            assert post_once(serving, "/reservations", BUY | {"eventId": "another"})[0] == 201
        assert Counter(each.result(30).status for each in waiting) == {201: 7, 503: 13}
        assert_no_drift(serving)


def test_a_full_queue_of_an_event_answers_at_once(migrated_home: Path) -> None:
    with (
        Serving(migrated_home, GROUP_COMMIT_MAX_QUEUE="2", LOCK_TIMEOUT="1") as serving,
        ThreadPoolExecutor(9) as pool,
        locked(serving),
    ):
        calls = [pool.submit(serving.reserve) for _ in range(9)]
        assert Counter(call.result(30).status for call in calls) == {503: 9}
    # One lock timeout for who led and one for who waited; all others were told at once.
    assert serving.output.count("canceling statement due to lock timeout") <= 3


def test_slow_and_disconnected_clients_delay_nobody(migrated_home: Path) -> None:
    head = (
        "POST /reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(json.dumps(BUY))}\r\n\r\n"
    )
    with Serving(migrated_home, MAX_CONCURRENT_REQUESTS="8") as serving:
        slow = []
        for _ in range(CLIENTS):  # more than may be worked on: none of these counts
            client = socket.create_connection(("127.0.0.1", serving.port))
            client.sendall(head.encode() + b"{")
            slow.append(client)
        assert serving.reserve().status == 201
        with locked(serving):
            for _ in range(4):  # go away while their command waits
                gone = socket.create_connection(("127.0.0.1", serving.port))
                gone.sendall(head.encode() + json.dumps(BUY).encode())
                time.sleep(0.05)
                gone.close()
        assert serving.reserve().status == 201
        for client in slow:
            client.close()
        # Who went away may have bought all the same; nobody bought halfway.
        assert 2 <= serving.request("GET", "/reservations").body["reservationCount"] <= 6
        assert_no_drift(serving)
    assert "crashed" not in serving.output


def test_a_fast_client_delays_nobody(migrated_home: Path) -> None:
    """A greenlet that never has to wait must let others have their turn."""
    requests = 300
    with (
        Serving(migrated_home) as serving,
        closing(Client(serving).connection) as other,
        closing(socket.create_connection(("127.0.0.1", serving.port))) as quick,
    ):
        other.connect()
        # Enough to keep it busy for a while, too little to fill its buffer, where it would wait.
        quick.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * requests)
        quick.recv(1)
        other.request("GET", "/health")
        assert other.getresponse().status == 200
        assert quick.recv(1_000_000).count(b'{"status":"ok"}') < requests / 2


@pytest.mark.parametrize("imported_first", ["gevent", "psycopg"])
def test_a_worker_that_would_block_on_the_database_exits(home: Path, imported_first: str) -> None:
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
