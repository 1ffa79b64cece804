"""manage.py serve, as ``make run`` starts it: real processes, real signals."""

import http.client
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import (
    ROOT,
    Serving,
    assert_no_drift,
    free_port,
    locked,
    manage,
    wait_for_a_waiter,
)

pytestmark = pytest.mark.slow

POSTGRES_URL = "postgresql://someone:pa55word@127.0.0.1:{port}/tickets"


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode not in (0, None), done.stdout
    said = done.stderr.strip()
    assert "Traceback" not in said + done.stdout
    assert len(said.splitlines()) == 1, said
    for word in words:
        assert word in said


def test_only_the_first_start_prints_a_login(home: Path) -> None:
    with Serving(home) as serving:
        assert serving.request("GET", "/reservations").body["availableSeats"] == 500
        assert serving.reserve(3).status == 201
        url = f"http://127.0.0.1:{serving.port}"
        assert f"{url}/reservations" in serving.output
        assert f"{url}/admin/" in serving.output
        assert str(home / "postgresql-") in serving.output
        login = re.search(r"Login +(\S+) / (\S+)", serving.output)
        assert login is not None
        assert logs_in(serving.port, *login.groups())
    with Serving(home) as again:
        assert "Login" not in again.output
        assert again.request("GET", "/reservations").body["availableSeats"] == 497


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def logs_in(port: int, username: str, password: str) -> bool:
    """Return whether the admin lets them in."""
    with closing(connect(port)) as connection:
        return posts_login(connection, username, password).status == 302


def posts_login(
    connection: http.client.HTTPConnection, username: str, password: str
) -> http.client.HTTPResponse:
    connection.request("GET", "/admin/login/")
    answer = connection.getresponse()
    form = answer.read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    cookie = (answer.getheader("Set-Cookie") or "").split(";")[0]
    assert token is not None
    connection.request(
        "POST",
        "/admin/login/",
        body=f"csrfmiddlewaretoken={token[1]}&username={username}&password={password}&next=/admin/",
        headers={"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"},
    )
    return connection.getresponse()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_stop_leaves_no_process_behind(migrated_home: Path, number: int) -> None:
    with (
        Serving(migrated_home, worker=True) as serving,
        closing(connect(serving.port)) as idle,
    ):
        idle.request("GET", "/reservations")
        idle.getresponse().read()  # and keep the connection open
        started = serving.processes()
        assert len(started) > 4
        before = time.monotonic()
        assert serving.stop(number) == 0
        assert time.monotonic() - before < 10
    psutil.wait_procs(started, timeout=5)
    assert [process for process in started if process.is_running()] == []
    assert "Traceback" not in serving.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_in_flight_finishes(serving: Serving, number: int) -> None:
    assert serving.reserve().status == 201
    with ThreadPoolExecutor(1) as pool:
        with locked(serving) as other:
            slow = pool.submit(serving.reserve)
            wait_for_a_waiter(other)
            serving.process.send_signal(number)
            time.sleep(0.5)
            assert not slow.done()
        assert slow.result(timeout=30).status == 201
    assert serving.process.wait(timeout=10) == 0


def test_a_database_that_ran_before_is_left_running(migrated_home: Path) -> None:
    cluster = Cluster(migrated_home)
    assert cluster.start()
    with Serving(migrated_home) as serving:
        assert serving.stop() == 0
    assert cluster.is_running()


def test_a_database_that_somebody_uses_is_left_running(migrated_home: Path) -> None:
    with Serving(migrated_home) as serving, Cluster(migrated_home).connect():
        assert serving.stop() == 0
        assert Cluster(migrated_home).is_running()


def test_three_first_starts_at_once(home: Path) -> None:
    servings = [Serving(home) for _ in range(3)]
    try:
        for serving in servings:
            serving.__enter__()
        assert sum("Login" in serving.output for serving in servings) == 1
    finally:
        for serving in servings:
            serving.__exit__()


def test_ctrl_c_in_the_middle_of_the_first_start(home: Path) -> None:
    serving = Serving(home)
    wait_until(lambda: list(home.glob("postgresql-*/server.log")))
    time.sleep(0.15)
    assert serving.stop(signal.SIGINT) in {0, 130}
    assert not Cluster(home).is_running()
    with Serving(home) as again:
        assert again.reserve().status == 201


def test_a_port_in_use_disturbs_nobody(serving: Serving, folder: Path) -> None:
    other_home = folder / "other"
    done = manage(other_home, "serve", PORT=str(serving.port))
    assert_one_sentence(done, f"127.0.0.1:{serving.port}", "in use", "PORT")
    assert not other_home.exists()
    done = manage(serving.home, "serve", PORT=str(serving.port))
    assert_one_sentence(done, f"127.0.0.1:{serving.port}")
    assert serving.reserve().status == 201


def test_an_unreachable_database(home: Path) -> None:
    port = free_port()
    url = POSTGRES_URL.format(port=port)
    done = manage(home, "serve", PORT=str(free_port()), DATABASE_URL=url)
    assert_one_sentence(done, f"port {port}", "refused", "DATABASE_URL")
    assert "pa55word" not in done.stderr + done.stdout
    assert not home.exists()


def test_any_command_says_why_it_has_no_database(home: Path) -> None:
    url = POSTGRES_URL.format(port=free_port())
    done = manage(home, "verify_inventory", DATABASE_URL=url, DATABASE_POOL_TIMEOUT="0.5")
    assert done.returncode == 1
    assert "\nCommandError: the database (host 127.0.0.1, port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "pa55word" not in done.stderr


def test_a_database_migrated_by_newer_code(migrated_home: Path) -> None:
    cluster = Cluster(migrated_home)
    cluster.start()
    with cluster.connect("ticketboss") as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('reservations', '9999_from_the_future', now())"
        )
    done = manage(migrated_home, "serve", PORT=str(free_port()))
    assert_one_sentence(done, "newer code", "reservations.9999_from_the_future")


def test_a_home_that_cannot_be_used(folder: Path) -> None:
    (folder / "file").touch()
    done = manage(folder / "file" / "home", "serve", PORT=str(free_port()))
    assert_one_sentence(done, str(folder / "file"), "Not a directory")


def test_no_space(home: Path) -> None:
    """A limit on the size of files stands in for a full disk: initdb cannot finish."""
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 64; exec "$0" manage.py serve', sys.executable],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TICKETBOSS_HOME": str(home), "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert_one_sentence(done, "initdb failed")
    with Serving(home) as serving:  # Nothing half made stands in the way.
        assert serving.request("GET", "/reservations").status == 200


def test_production_refuses_to_start_without_its_settings(home: Path) -> None:
    done = manage(home, "serve", DJANGO_DEBUG="0")
    assert_one_sentence(done, "SECRET_KEY")
    done = manage(home, "serve", DJANGO_DEBUG="0", SECRET_KEY="x" * 50)
    assert_one_sentence(done, "ALLOWED_HOSTS")
    assert not home.exists()


def test_a_killed_database_loses_nothing_that_was_answered(serving: Serving) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        buyers = [pool.submit(buy_until, stop, serving, acknowledged) for _ in range(4)]
        try:
            for _ in range(2):
                wait_for_more(acknowledged)
                serving.postmaster().send_signal(signal.SIGKILL)
            wait_for_more(acknowledged)
        finally:
            stop.set()
    assert {status for buyer in buyers for status in buyer.result()} <= {201, 503}
    stored = {serving.request("GET", f"/reservations/{each}").status for each in acknowledged}
    assert stored == {200}
    assert_no_drift(serving)


def buy_until(stop: threading.Event, serving: Serving, acknowledged: list[str]) -> set[int]:
    """Buy seats one by one; note the ids that were answered, return the statuses seen."""
    statuses = set()
    while not stop.is_set():
        answer = serving.reserve()
        statuses.add(answer.status)
        if answer.status == 201:
            acknowledged.append(answer.body["reservationId"])
    return statuses


def wait_for_more(acknowledged: list[str]) -> None:
    """Return when twenty more reservations have been answered."""
    enough = len(acknowledged) + 20
    wait_until(lambda: len(acknowledged) >= enough, seconds=40)


def test_make_run_in_a_path_with_spaces(folder: Path) -> None:
    checkout = folder / "a check out"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in tracked.split("\0"):
        if name and (ROOT / name).exists():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(Path(sys.executable).parents[1])
    make = ["make", "-o", ".venv/.runtime", "run"]
    with Serving(checkout / ".ticketboss", command=make, cwd=checkout) as serving:
        assert serving.reserve().status == 201
        started = serving.processes()
        serving.stop(signal.SIGTERM)
    psutil.wait_procs(started, timeout=10)
    assert [process for process in started if process.is_running()] == []
