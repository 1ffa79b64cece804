"""Whole programs as a user starts them, in an environment that holds nothing else."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.request import urlopen

import psutil
import psycopg

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


SERVE = [sys.executable, "manage.py", "serve"]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def environment(home: Path, **values: str) -> dict[str, str]:
    """Return the variables for a program whose data is under ``home``."""
    return {"PATH": PATH, "HOME": str(home.parent), "TICKETBOSS_HOME": str(home), **values}


def manage(home: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(home, **values),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def postmaster(data: Path) -> psutil.Process:
    """Return the first process of the database server whose data is in ``data``."""
    return psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))


class Answer(NamedTuple):
    """What the server answered."""

    status: int
    body: Any


class Serving:
    """``manage.py serve``, or another command that ends in it, until ``stop``."""

    def __init__(
        self,
        home: Path,
        *,
        command: list[str] | None = None,
        cwd: Path = ROOT,
        worker: bool = False,
        **values: str,
    ) -> None:
        self.port = free_port()
        self.home = home
        self._log = home.parent / f"serve-{self.port}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command or [*SERVE, *([] if worker else ["--no-worker"])],
                cwd=cwd,
                # One web process starts faster than two, and no worker at all fastest; what
                # needs more says so.
                env=environment(home, **{"PORT": str(self.port), "WEB_CONCURRENCY": "1", **values}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.request("GET", "/ready").status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(f"it does not serve:\n{self.output}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    @property
    def output(self) -> str:
        """All that was printed so far."""
        return self._log.read_text()

    def request(self, method: str, path: str, body: object = None) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            sent = json.dumps(body) if body is not None else None
            connection.request(method, path, body=sent, headers=headers)
            answer = connection.getresponse()
            read = answer.read()
            return Answer(answer.status, json.loads(read) if read else None)
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()

    def text(self, path: str) -> str:
        """Return the text at ``path``."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            body: bytes = answer.read()
        return body.decode()

    def reserve(self, seats: int = 1) -> Answer:
        """Buy seats of the default event."""
        return self.request("POST", "/reservations", {"partnerId": "abc-corp", "seats": seats})

    def postmaster(self) -> psutil.Process:
        """Return the database server's first process."""
        [data] = self.home.glob("postgresql-*/data")
        return postmaster(data)

    def processes(self) -> list[psutil.Process]:
        """Return every process that this run started."""
        started = psutil.Process(self.process.pid)
        database = self.postmaster()
        return [started, *started.children(True), database, *database.children(True)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(timeout=30)


@contextmanager
def locked(serving: Serving) -> Iterator[psycopg.Connection]:
    """Hold the row of every event that there is, as a slow transaction would."""
    with Cluster(serving.home).connect("ticketboss") as other, other.transaction():
        other.execute("SELECT FROM reservations_event FOR NO KEY UPDATE")
        yield other


def wait_for_a_waiter(other: psycopg.Connection) -> None:
    """Return when a transaction waits for a lock."""
    waiters = "SELECT 1 FROM pg_locks WHERE NOT granted"
    wait_until(lambda: bool(other.execute(waiters).fetchall()))


def assert_no_drift(serving: Serving) -> None:
    """Replaying every event's history gives its figures."""
    done = manage(serving.home, "verify_inventory")
    assert done.returncode == 0, done.stdout
