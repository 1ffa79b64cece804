"""No log contains a customer's address, whatever fails: neither ours nor PostgreSQL's."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import ROOT, Response, ServerProcess, environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

ADDRESS = "ada.lovelace@shop.example"
CONSTRAINT = (
    "ALTER TABLE reservations_booking"
    " ADD CONSTRAINT no_lovelace CHECK (customer_email NOT LIKE '%lovelace%')"
)
SLOW_INSERT = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON reservations_booking
        FOR EACH ROW EXECUTE FUNCTION wait();
"""
INSERTING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@pytest.fixture(params=["0", "1"], ids=["production", "development"])
def server(request: pytest.FixtureRequest, migrated_home: Path) -> Iterator[ServerProcess]:
    """A server for each of the two formats of the log."""
    with ServerProcess(
        migrated_home,
        DJANGO_DEBUG=request.param,
        API_ACCESS="open",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="127.0.0.1",
        SECURE_SSL_REDIRECT="0",
        REQUEST_TIMEOUT="1",
    ) as server:
        yield server


def book(server: ServerProcess) -> Response:
    items = [{"eventId": "node-meetup-2025", "quantity": 1}]
    body = {"customerEmail": ADDRESS, "items": items}
    return server.request("POST", "/api/v1/bookings", body)


def change_database(server: ServerProcess, statement: str) -> None:
    with Cluster(server.home).connect("ticketboss") as connection:
        connection.execute(statement)


def fail_by_lock_timeout(server: ServerProcess) -> str:
    with Cluster(server.home).connect("ticketboss") as other, other.transaction():
        other.execute("LOCK TABLE reservations_booking")
        assert book(server).status == 503
    return "statement timeout"


def fail_by_violated_constraint(server: ServerProcess) -> str:
    change_database(server, CONSTRAINT)
    assert book(server).status == 500
    return "no_lovelace"


def fail_by_killed_backend(server: ServerProcess) -> str:
    change_database(server, SLOW_INSERT)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(book, server)
        with Cluster(server.home).connect("ticketboss") as connection:
            wait_until(lambda: bool(connection.execute(INSERTING).fetchall()))
            [(pid,)] = connection.execute(INSERTING).fetchall()
            os.kill(pid, signal.SIGKILL)
        assert answer.result(timeout=30).status in {500, 503}
    return "terminat"


@pytest.mark.parametrize(
    "fail",
    [fail_by_lock_timeout, fail_by_violated_constraint, fail_by_killed_backend],
    ids=["lock-timeout", "constraint", "killed-backend"],
)
def test_failed_booking_leaves_no_address_in_any_log(
    server: ServerProcess, fail: Callable[[ServerProcess], str]
) -> None:
    reason = fail(server)
    database_log = Cluster(server.home).install.log
    wait_until(lambda: reason in database_log.read_text())
    wait_until(lambda: "/api/v1/bookings" in server.output)  # the last line of the request
    for log in (database_log.read_text(), server.output):
        assert "lovelace@" not in log
        assert "INSERT" not in log
        assert "Failing row contains (0" not in log


COMMAND = f"""
import manage

def crash(_):
    raise ValueError("{ADDRESS}")

manage.execute_from_command_line = crash
from ticketboss import settings
manage.main()
"""
GREENLET = f"""
import runpy
runpy.run_path("ticketboss/serving/gunicorn.conf.py")["post_worker_init"](None)
import gevent
gevent.spawn(int, "{ADDRESS}").join()
"""
WORKER = f"""
from logging import config, getLogger
from unittest.mock import Mock
from gunicorn import arbiter
from gunicorn.config import Config
from gunicorn.workers import ggevent
from ticketboss import settings
from ticketboss.serving.gevent_worker import GeventWorker

config.dictConfig(settings.LOGGING)
ggevent.GeventWorker.init_process = Mock(side_effect=ValueError("{ADDRESS}"))
master = Mock(
    cfg=Config(), log=getLogger(), worker_age=0, pid=0, timeout=30,
    worker_class=GeventWorker, LISTENERS=[], WORKERS={{}},
)
arbiter.os.fork = lambda: 0
arbiter.Arbiter.spawn_worker(master)
"""


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [(COMMAND, 2), (GREENLET, 0), (WORKER, 3)],
    ids=["command", "greenlet", "worker"],
)
def test_crash_of_a_process_prints_no_address(
    code: str, exit_code: int, migrated_home: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(migrated_home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_code
    assert "ValueError: " in done.stderr
    assert "lovelace" not in done.stderr
