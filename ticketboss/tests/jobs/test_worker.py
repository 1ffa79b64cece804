"""``manage.py worker`` as a separate process, on its own and as a child of the server."""

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
from ticketboss.tests.programs import ROOT, ServerProcess, environment, manage, postmaster

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

QUEUE_MAILS = """
from reservations.models import Event
from reservations.tests.queued_jobs import queue, store_booking
queue([store_booking(Event.objects.get(), email=f"{n}@shop.example") for n in range(%d)])
"""
HOLD = """
from reservations.ledger import submit
from reservations.ledger.commands import Reserve
submit(Reserve(event="node-meetup-2025", partner="p", seats=2, actor="test", hold_seconds=%d))
"""
MAIL_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'mail'"
MAINTENANCE_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'maintenance'"
JOBS_QUEUED = "SELECT last_value FROM procrastinate_jobs_id_seq"
WORKERS = "SELECT count(*) FROM procrastinate_workers"


class WorkerProcess:
    """A running ``manage.py worker``. As a context manager: kills it at the end."""

    def __init__(self, home: Path, **variables: str) -> None:
        self._log = home.parent / "worker.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                cwd=ROOT,
                env=environment(home, **variables),
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
        """The output so far, including that of earlier workers with this home."""
        return self._log.read_text()

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)


@pytest.fixture
def running_home(migrated_home: Path) -> Path:
    """A TICKETBOSS_HOME with a migrated database. Its server is running."""
    Cluster(migrated_home).start()
    return migrated_home


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def url(server: MailServer) -> str:
    return f"smtp://127.0.0.1:{server.port}"


def shell(home: Path, code: str) -> None:
    """Run Python code with ``manage.py shell``."""
    done = manage(home, "shell", "--verbosity", "0", "-c", code)
    assert done.returncode == 0, done.stderr


def fetch(home: Path, query: str) -> list[Any]:
    with Cluster(home).connect("ticketboss") as connection:
        return connection.execute(query).fetchall()


def execute(home: Path, *statements: str) -> None:
    with Cluster(home).connect("ticketboss") as connection:
        for statement in statements:
            connection.execute(statement)


def held_seats_and_version(home: Path) -> list[Any]:
    """Return the held seats and the version of the only event; releasing a hold adds a version."""
    return fetch(home, "SELECT held_seats, version FROM reservations_event")


def test_killed_worker_resends_only_the_unconfirmed_mail(
    running_home: Path, mail_server: MailServer
) -> None:
    """The mail server has received the message, but the worker is killed before the reply."""
    shell(running_home, QUEUE_MAILS % 3)
    mail_server.hangs.set()
    with WorkerProcess(running_home, EMAIL_URL=url(mail_server)) as first:
        wait_until(lambda: len(mail_server.received) == 1)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    mail_server.hangs.clear()
    execute(
        running_home,
        # As if the last heartbeat had been an hour ago, and the rescue job were due again.
        "UPDATE procrastinate_workers SET last_heartbeat = now() - '1 h'::interval",
        "DELETE FROM reservations_periodicjob",
    )
    with WorkerProcess(running_home, EMAIL_URL=url(mail_server)) as second:
        wait_until(lambda: fetch(running_home, MAIL_JOBS) == [(0,)])
        assert second.stop() == 0
    ids = [mail["Message-ID"] for mail in mail_server.received]
    assert (len(ids), len(set(ids))) == (4, 3)
    assert ids[0] in ids[1:]
    assert "Traceback" not in second.output


def test_unresponsive_mail_server_delays_neither_jobs_nor_stop(
    running_home: Path, mail_server: MailServer
) -> None:
    mail_server.hangs.set()
    shell(running_home, QUEUE_MAILS % 1 + HOLD % 3600)
    with WorkerProcess(running_home, EMAIL_URL=url(mail_server)) as worker:
        wait_until(lambda: len(mail_server.received) == 1)
        execute(
            running_home,
            "UPDATE reservations_reservation SET expires_at = now() WHERE status = 'held'",
        )
        wait_until(lambda: held_seats_and_version(running_home) == [(0, 2)])
        # The e-mail is still being sent; it times out after 10 seconds.
        assert fetch(running_home, f"{MAIL_JOBS} AND status = 'doing'") == [(1,)]
        before = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - before < 15  # 10 seconds, and a margin for a busy machine
    [(maintenance,)] = fetch(running_home, MAINTENANCE_JOBS)
    assert maintenance <= 2


def test_worker_reconnects_to_a_killed_database(running_home: Path) -> None:
    production = {"DJANGO_DEBUG": "0", "SECRET_KEY": "0123456789" * 5, "ALLOWED_HOSTS": "a.example"}
    with WorkerProcess(running_home, REQUEST_TIMEOUT="0.5", **production) as worker:
        wait_until(lambda: fetch(running_home, WORKERS) == [(2,)])
        postmaster(Cluster(running_home).install.data).kill()
        wait_until(lambda: "worker.database_back" in worker.output)
        shell(running_home, HOLD % 1)
        wait_until(lambda: held_seats_and_version(running_home) == [(0, 2)])
        assert worker.stop() == 0
    assert worker.output.count("worker.database_away") == 1
    assert worker.output.count("e-mails are not sent") == 1
    assert "Traceback" not in worker.output


ADJUSTABLE_CLOCK = """
import time
from pathlib import Path
real = time.time
offset = Path(__file__).with_name("offset")
time.time = lambda: real() + float(offset.read_text())
"""


@pytest.mark.parametrize("jump", [-300, 86_400], ids=["back-5-minutes", "forward-a-day"])
def test_holds_lapse_once_when_the_clock_is_set(
    running_home: Path, folder: Path, jump: int
) -> None:
    (folder / "sitecustomize.py").write_text(ADJUSTABLE_CLOCK)
    (folder / "offset").write_text("0")
    with WorkerProcess(running_home, PYTHONPATH=str(folder)) as worker:
        shell(running_home, HOLD % 1)
        wait_until(lambda: held_seats_and_version(running_home) == [(0, 2)])
        (folder / "offset").write_text(str(jump))
        started, [(jobs_before,)] = time.monotonic(), fetch(running_home, JOBS_QUEUED)
        shell(running_home, HOLD % 1)
        wait_until(lambda: held_seats_and_version(running_home) == [(0, 4)])
        [(jobs_after,)] = fetch(running_home, JOBS_QUEUED)
        # A job every two seconds, one every minute, and those that are due once or not at all.
        assert jobs_after - jobs_before <= (time.monotonic() - started) / 2 + 4
        assert worker.stop() == 0


def test_worker_waits_for_the_migrations_and_says_so_once(home: Path) -> None:
    Cluster(home).start()
    with WorkerProcess(home) as worker:
        wait_until(lambda: "run manage.py migrate" in worker.output)
        assert manage(home, "migrate", "-v", "0").returncode == 0
        wait_until(lambda: "worker.database_back" in worker.output)
        wait_until(lambda: fetch(home, WORKERS) == [(2,)])
        assert worker.stop() == 0
    assert worker.output.count("worker.database_away") == 1
    assert "Traceback" not in worker.output


def worker_of(server: ServerProcess) -> psutil.Process | None:
    """Return the job worker that the server has started, or None if it is not running."""
    for child in psutil.Process(server.process.pid).children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if child.cmdline()[-1:] == ["worker"]:
                return child
    return None


def test_worker_is_restarted_and_ends_with_its_server(migrated_home: Path) -> None:
    with ServerProcess(migrated_home, worker=True) as server:
        wait_until(lambda: fetch(migrated_home, WORKERS) == [(2,)])
        first = worker_of(server)
        assert first is not None
        first.kill()
        wait_until(lambda: worker_of(server) not in (None, first))
        assert server.request("GET", "/reservations").status == 200
        wait_until(lambda: fetch(migrated_home, WORKERS) == [(4,)])
        second = worker_of(server)
        assert second is not None
        if sys.platform == "linux":  # Other systems do not signal a child when its parent dies.
            server.stop(signal.SIGKILL)
            wait_until(lambda: not second.is_running())
    assert "Traceback" not in server.output
