"""manage.py worker, by itself and beside the server: real processes, real signals."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from reservations.tests.smtp import MailServer
from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import ROOT, Serving, environment, manage, postmaster

pytestmark = pytest.mark.slow

QUEUE_MAILS = """
from reservations.models import Event
from reservations.tests.queued_jobs import queue, store_booking
queue([store_booking(Event.objects.get(), email=f"{n}@shop.example") for n in range(%d)])
"""
HOLD = """
from reservations.ledger import submit
from reservations.ledger.commands import Reserve
submit(Reserve(event="node-meetup-2025", partner="p", seats=2, actor="test", hold_seconds=1))
"""
JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'mail'"
MAINTENANCE = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'maintenance'"
WORKERS = "SELECT count(*) FROM procrastinate_workers"


class Working:
    """``manage.py worker`` until ``stop``."""

    def __init__(self, home: Path, **values: str) -> None:
        self._log = home.parent / "worker.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=ROOT,
                env=environment(home, **values),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        """All that was printed so far, by earlier ones too."""
        return self._log.read_text()

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=15)


@pytest.fixture
def running_home(migrated_home: Path) -> Path:
    """A home whose database runs."""
    Cluster(migrated_home).start()
    return migrated_home


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def url(server: MailServer) -> str:
    return f"smtp://127.0.0.1:{server.port}"


def shell(home: Path, code: str) -> None:
    done = manage(home, "shell", "--verbosity", "0", "-c", code)
    assert done.returncode == 0, done.stderr


def ask(home: Path, query: str) -> list[Any]:
    with Cluster(home).connect("ticketboss") as connection:
        return connection.execute(query).fetchall()


def held_seats_and_version(home: Path) -> list[Any]:
    """Return the held seats of the one event; its version rises when a hold is released."""
    return ask(home, "SELECT held_seats, version FROM reservations_event")


def test_a_worker_that_is_killed_while_it_sends(
    running_home: Path, mail_server: MailServer
) -> None:
    """The mail server has the message, but has not said so: only that one is sent twice."""
    shell(running_home, QUEUE_MAILS % 3)
    mail_server.hangs.set()
    with Working(running_home, EMAIL_URL=url(mail_server)) as first:
        wait_until(lambda: len(mail_server.received) == 1)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    mail_server.hangs.clear()
    with Cluster(running_home).connect("ticketboss") as connection:
        # Let time pass: half a minute without a sign of life, and the next full minute.
        connection.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - '1 h'::interval"
        )
        connection.execute("DELETE FROM procrastinate_periodic_defers")
    with Working(running_home, EMAIL_URL=url(mail_server)) as second:
        wait_until(lambda: ask(running_home, JOBS) == [(0,)])
        assert second.stop() == 0
    ids = [mail["Message-ID"] for mail in mail_server.received]
    assert (len(ids), len(set(ids))) == (4, 3)
    assert ids[0] in ids[1:]
    assert "Traceback" not in second.output


def test_a_mail_server_that_hangs_delays_nothing_else(
    running_home: Path, mail_server: MailServer
) -> None:
    mail_server.hangs.set()
    shell(running_home, QUEUE_MAILS % 1)
    with Working(running_home, EMAIL_URL=url(mail_server)) as worker:
        wait_until(lambda: len(mail_server.received) == 1)
        hanging_since = time.monotonic()
        shell(running_home, HOLD)
        wait_until(lambda: held_seats_and_version(running_home) == [(0, 2)])
        assert time.monotonic() - hanging_since < 9
        assert ask(running_home, f"{JOBS} AND status = 'doing'") == [(1,)]
        told = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - told < 10
    [(maintenance,)] = ask(running_home, MAINTENANCE)
    assert maintenance <= 2


def test_a_database_that_dies_is_used_again(running_home: Path) -> None:
    production = {"DJANGO_DEBUG": "0", "SECRET_KEY": "x" * 50, "ALLOWED_HOSTS": "a.example"}
    with Working(running_home, DATABASE_POOL_TIMEOUT="0.5", **production) as worker:
        wait_until(lambda: ask(running_home, WORKERS) == [(2,)])
        postmaster(Cluster(running_home).install.data).kill()
        wait_until(lambda: "worker.database_back" in worker.output)
        shell(running_home, HOLD)
        wait_until(lambda: held_seats_and_version(running_home) == [(0, 2)])
        assert worker.stop() == 0
    assert worker.output.count("worker.database_away") == 1
    assert worker.output.count("e-mails go nowhere") == 1
    assert "Traceback" not in worker.output


def worker_of(serving: Serving) -> psutil.Process | None:
    for child in psutil.Process(serving.process.pid).children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if child.cmdline()[-1:] == ["worker"]:
                return child
    return None


def test_the_server_keeps_a_worker_that_does_not_outlive_it(migrated_home: Path) -> None:
    with Serving(migrated_home, worker=True) as serving:
        wait_until(lambda: ask(migrated_home, WORKERS) == [(2,)])
        first = worker_of(serving)
        assert first is not None
        first.kill()
        wait_until(lambda: worker_of(serving) not in (None, first))
        assert serving.request("GET", "/reservations").status == 200
        wait_until(lambda: ask(migrated_home, WORKERS) == [(4,)])
        second = worker_of(serving)
        assert second is not None
        if sys.platform == "linux":  # which alone tells a child
            serving.stop(signal.SIGKILL)
            wait_until(lambda: not second.is_running())
    assert "Traceback" not in serving.output
