"""``manage.py serve`` as a separate process: start, stop, signals and startup errors."""

import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import (
    ROOT,
    ServerProcess,
    assert_inventory_consistent,
    free_port,
    locked_events,
    manage,
    wait_until_blocking,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

POSTGRES_URL = "postgresql://someone:pa55word@127.0.0.1:{port}/tickets"


def assert_one_line_error(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Check that the command failed with a single line on stderr that contains ``parts``."""
    assert done.returncode != 0, done.stdout
    error = done.stderr.strip()
    assert "Traceback" not in error + done.stdout
    assert len(error.splitlines()) == 1, error
    for part in parts:
        assert part in error


def test_only_the_first_start_creates_a_login(home: Path) -> None:
    with ServerProcess(home) as server:
        assert server.request("GET", "/reservations").body["availableSeats"] == 500
        assert server.reserve(3).status == 201
        url = f"http://127.0.0.1:{server.port}"
        assert f"{url}/reservations" in server.output
        assert f"{url}/admin/" in server.output
        assert str(home / "postgresql-") in server.output
        password = server.first_password()
        assert password not in server.output
        assert logs_in(server.port, "admin", password)
    with ServerProcess(home) as again:
        assert "Login" not in again.output
        assert again.request("GET", "/reservations").body["availableSeats"] == 497


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def logs_in(port: int, username: str, password: str) -> bool:
    """Return whether the admin accepts the login."""
    with closing(connect(port)) as connection:
        return post_login(connection, username, password).status == 302


def post_login(
    connection: http.client.HTTPConnection, username: str, password: str
) -> http.client.HTTPResponse:
    connection.request("GET", "/admin/login/")
    response = connection.getresponse()
    form = response.read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    cookie = (response.getheader("Set-Cookie") or "").split(";")[0]
    assert token is not None
    connection.request(
        "POST",
        "/admin/login/",
        body=f"csrfmiddlewaretoken={token[1]}&username={username}&password={password}&next=/admin/",
        headers={"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"},
    )
    return connection.getresponse()


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT],
    ids=["SIGINT", "SIGHUP", "SIGQUIT"],
)
def test_stop_leaves_no_process_behind(migrated_home: Path, number: int) -> None:
    with (
        ServerProcess(migrated_home, worker=True) as server,
        closing(connect(server.port)) as idle,
    ):
        idle.request("GET", "/reservations")
        idle.getresponse().read()  # the connection stays open
        started = server.processes()
        assert len(started) > 4
        before = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - before < 15  # 10 seconds, and a margin for a busy machine
    psutil.wait_procs(started, timeout=30)
    assert [process for process in started if process.is_running()] == []
    assert "Traceback" not in server.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_request_in_flight_finishes_during_stop(migrated_home: Path, number: int) -> None:
    with (
        ServerProcess(migrated_home, REQUEST_TIMEOUT="30") as server,
        ThreadPoolExecutor(1) as pool,
    ):
        with locked_events(server) as locking:
            slow = pool.submit(server.reserve)
            wait_until_blocking(locking)
            server.process.send_signal(number)
            wait_until(lambda: refuses_connections(server.port))
            assert not slow.done()
        assert slow.result(timeout=30).status == 201
        assert server.process.wait(timeout=30) == 0


def refuses_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_database_that_ran_before_keeps_running(migrated_home: Path) -> None:
    cluster = Cluster(migrated_home)
    assert cluster.start()
    with ServerProcess(migrated_home) as server:
        assert server.stop() == 0
    assert cluster.is_running()


def test_database_with_other_clients_keeps_running(migrated_home: Path) -> None:
    with ServerProcess(migrated_home) as server, Cluster(migrated_home).connect():
        assert server.stop() == 0
        assert Cluster(migrated_home).is_running()


def test_concurrent_first_starts_all_succeed(home: Path) -> None:
    servers = [ServerProcess(home) for _ in range(3)]
    with ExitStack() as stack:
        for server in servers:
            stack.push(server)
        for server in servers:
            server.__enter__()
        assert sum("Login" in server.output for server in servers) == 1


def postgres_is_starting(home: Path) -> bool:
    return any(home.glob("postgresql-*/server.log"))


def postgres_responds(home: Path) -> bool:
    return Cluster(home).is_running()


def is_migrating(home: Path) -> bool:
    try:
        with Cluster(home).connect("ticketboss") as connection:
            query = "SELECT to_regclass('django_migrations') IS NOT NULL"
            return connection.execute(query).fetchone() == (True,)
    except psycopg.OperationalError:
        return False


@pytest.mark.parametrize("moment", [postgres_is_starting, postgres_responds, is_migrating])
def test_interrupted_first_start_can_be_repeated(
    home: Path, moment: Callable[[Path], bool]
) -> None:
    server = ServerProcess(home)
    wait_until(lambda: moment(home))
    assert server.stop(signal.SIGINT) in {0, 130}
    assert not Cluster(home).is_running()
    with ServerProcess(home) as again:
        assert again.reserve().status == 201


def test_port_in_use_fails_without_side_effects(server: ServerProcess, folder: Path) -> None:
    other_home = folder / "other"
    done = manage(other_home, "serve", PORT=str(server.port))
    assert_one_line_error(done, f"127.0.0.1:{server.port}", "in use", "PORT")
    in_use = f"127.0.0.1:{server.port}"
    done = manage(server.home, "serve", PORT=str(free_port()), METRICS_BIND=in_use)
    assert_one_line_error(done, in_use, "in use", "METRICS_BIND")
    assert not other_home.exists()
    done = manage(server.home, "serve", PORT=str(server.port))
    assert_one_line_error(done, f"127.0.0.1:{server.port}")
    assert server.reserve().status == 201


def test_unreachable_database_fails_with_one_line(home: Path) -> None:
    port = free_port()
    url = POSTGRES_URL.format(port=port)
    done = manage(home, "serve", PORT=str(free_port()), DATABASE_URL=url)
    assert_one_line_error(done, f"port {port}", "refused", "DATABASE_URL")
    assert "pa55word" not in done.stderr + done.stdout
    assert not home.exists()


def test_command_without_database_reports_the_reason(home: Path) -> None:
    url = POSTGRES_URL.format(port=free_port())
    done = manage(home, "verify_inventory", DATABASE_URL=url, REQUEST_TIMEOUT="0.5")
    assert done.returncode == 2
    assert "\nCommandError: the database (host 127.0.0.1, port" in done.stderr
    assert "Traceback" not in done.stderr
    assert "pa55word" not in done.stderr


def test_database_migrated_by_newer_code_is_rejected(migrated_home: Path) -> None:
    cluster = Cluster(migrated_home)
    cluster.start()
    with cluster.connect("ticketboss") as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('reservations', '9999_from_the_future', now())"
        )
    done = manage(migrated_home, "serve", PORT=str(free_port()))
    assert_one_line_error(done, "newer version", "reservations.9999_from_the_future")


@pytest.mark.parametrize("command", ["serve", "migrate", "postgres stop"])
def test_home_that_cannot_be_used_is_named(folder: Path, command: str) -> None:
    (folder / "file").touch()
    home = folder / "file" / "home"
    done = manage(home, *command.split(), PORT=str(free_port()))
    assert_one_line_error(done, "TICKETBOSS_HOME", "Not a directory")


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_home_that_cannot_be_created_is_named(command: str) -> None:
    done = manage(Path("/proc/home"), command, PORT=str(free_port()))
    assert_one_line_error(done, "folder /proc/home", "No such file", "Check TICKETBOSS_HOME")


def test_first_start_on_a_full_disk_can_be_repeated(home: Path) -> None:
    """A limit on the size of files simulates the full disk, so that initdb fails."""
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 64; exec "$0" manage.py serve', sys.executable],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TICKETBOSS_HOME": str(home), "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert_one_line_error(done, "initdb failed")
    with ServerProcess(home) as server:
        assert server.request("GET", "/reservations").status == 200


def test_production_requires_secret_key_and_hosts(home: Path) -> None:
    done = manage(home, "serve", DJANGO_DEBUG="0")
    assert_one_line_error(done, "SECRET_KEY")
    done = manage(home, "serve", DJANGO_DEBUG="0", SECRET_KEY="0123456789" * 5)
    assert_one_line_error(done, "ALLOWED_HOSTS")
    assert not home.exists()


def test_killed_database_loses_no_confirmed_reservation(server: ServerProcess) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        buyers = [pool.submit(buy_until, stop, server, acknowledged) for _ in range(4)]
        try:
            for _ in range(2):
                wait_for_more(acknowledged)
                server.postmaster().send_signal(signal.SIGKILL)
            wait_for_more(acknowledged)
        finally:
            stop.set()
    assert {status for buyer in buyers for status in buyer.result()} <= {201, 503}
    stored = {server.request("GET", f"/reservations/{each}").status for each in acknowledged}
    assert stored == {200}
    assert_inventory_consistent(server)


def buy_until(stop: threading.Event, server: ServerProcess, acknowledged: list[str]) -> set[int]:
    """Reserve seats until ``stop`` is set; append their ids, and return all statuses."""
    statuses = set()
    while not stop.is_set():
        response = server.reserve()
        statuses.add(response.status)
        if response.status == 201:
            acknowledged.append(response.body["reservationId"])
    return statuses


def wait_for_more(acknowledged: list[str]) -> None:
    """Return when twenty more reservations have been confirmed."""
    enough = len(acknowledged) + 20
    wait_until(lambda: len(acknowledged) >= enough, seconds=40)


def test_make_run_works_in_a_path_with_spaces(folder: Path) -> None:
    checkout = folder / "a check out"
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in names.split("\0"):
        if name:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # deleted in the working tree
                shutil.copy2(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(Path(sys.executable).parents[1])
    make = ["make", "-o", ".venv/.runtime", "run"]
    with ServerProcess(checkout / ".ticketboss", command=make, cwd=checkout) as server:
        assert server.reserve().status == 201
        started = server.processes()
        server.stop(signal.SIGTERM)
    psutil.wait_procs(started, timeout=30)
    assert [process for process in started if process.is_running()] == []
