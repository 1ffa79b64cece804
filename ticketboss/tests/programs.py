"""Helpers that run ``manage.py`` commands as separate processes with a minimal environment."""

import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

# Below the range that Linux uses for outgoing connections.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that is not in use, chosen at random because tests run in parallel."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Return the environment for a process that uses ``home`` as its TICKETBOSS_HOME."""
    return {"PATH": PATH, "HOME": str(home.parent), "TICKETBOSS_HOME": str(home), **variables}


def manage(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` and wait for it to exit; ``variables`` are added to its environment."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def create_partner(home: Path, slug: str, name: str) -> str:
    """Create a partner, and return a key with both scopes."""
    created = manage(home, "partner", "create", slug, "--name", name)
    assert created.returncode == 0, created.stderr
    return issue_key(home, slug)


def issue_key(home: Path, slug: str, *arguments: str) -> str:
    """Return a new key of a partner."""
    issued = manage(home, "partner", "key", slug, *arguments)
    assert issued.returncode == 0, issued.stderr
    return issued.stdout.strip()


def postmaster(data: Path) -> psutil.Process:
    """Return the main process of the PostgreSQL server with this data directory."""
    return psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))


class Response(NamedTuple):
    """The status of a response and its parsed JSON body, or None if the body is empty."""

    status: int
    body: Any


class ServerProcess:
    """A running ``manage.py serve``, or another command that runs it.

    As a context manager: waits until the server is ready, and stops it at the end.
    """

    def __init__(
        self,
        home: Path,
        *,
        command: list[str] | None = None,
        cwd: Path = ROOT,
        worker: bool = False,
        **variables: str,
    ) -> None:
        self.port = free_port()
        self.home = home
        self._log = home.parent / f"serve-{self.port}.log"
        # One web process and no worker start fastest; tests that need more ask for it.
        defaults = {"PORT": str(self.port), "WEB_CONCURRENCY": "1"}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command or [*SERVE, *([] if worker else ["--no-worker"])],
                cwd=cwd,
                env=environment(home, **(defaults | variables)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(OSError):
                if self.request("GET", "/ready").status == 200:
                    return self
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(f"the server did not become ready:\n{self.output}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    @property
    def output(self) -> str:
        """Everything written to stdout and stderr so far."""
        return self._log.read_text()

    def first_password(self) -> str:
        """Return the password of the first login, from the file that the output names."""
        found = re.search(r"^Login admin, password in (.+)$", self.output, re.MULTILINE)
        assert found, self.output
        return Path(found[1]).read_text().strip()

    def request(self, method: str, path: str, body: object = None, *, key: str = "") -> Response:
        """Send a request on a new connection, with an API key unless it is empty.

        Raises:
            OSError: no connection, or no valid HTTP response.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            headers |= {"Authorization": f"Bearer {key}"} if key else {}
            payload = json.dumps(body) if body is not None else None
            connection.request(method, path, body=payload, headers=headers)
            response = connection.getresponse()
            content = response.read()
            return Response(response.status, json.loads(content) if content else None)
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()

    def reserve(self, seats: int = 1, *, key: str = "") -> Response:
        """Reserve seats of the default event."""
        body = {"partnerId": "abc-corp", "seats": seats}
        return self.request("POST", "/reservations", body, key=key)

    def postmaster(self) -> psutil.Process:
        """Return the main process of the embedded PostgreSQL server."""
        [data] = self.home.glob("postgresql-*/data")
        return postmaster(data)

    def processes(self) -> list[psutil.Process]:
        """Return all processes of this server, including PostgreSQL's."""
        started = psutil.Process(self.process.pid)
        database = self.postmaster()
        return [started, *started.children(True), database, *database.children(True)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the process to exit and return its exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(timeout=30)


def metrics(address: str) -> str:
    """Return the metrics of the server whose METRICS_BIND is ``address``."""
    with urlopen(f"http://{address}/metrics", timeout=30) as response:
        body: bytes = response.read()
    return body.decode()


@contextmanager
def locked_events(server: ServerProcess) -> Iterator[psycopg.Connection]:
    """Lock the rows of all events for the duration of the block; yield the connection."""
    with Cluster(server.home).connect("ticketboss") as connection, connection.transaction():
        connection.execute("SELECT FROM reservations_event FOR NO KEY UPDATE")
        yield connection


def is_blocking(connection: psycopg.Connection) -> bool:
    """Return whether another session waits for a lock that ``connection`` holds."""
    blocked = (
        "SELECT 1 FROM pg_locks WHERE NOT granted"
        " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    return bool(connection.execute(blocked).fetchall())


def wait_until_blocking(connection: psycopg.Connection) -> None:
    """Return when another session waits for a lock that ``connection`` holds."""
    wait_until(lambda: is_blocking(connection))


def assert_inventory_consistent(server: ServerProcess) -> None:
    """Check every event's seat counts against its history of changes."""
    done = manage(server.home, "verify_inventory")
    assert done.returncode == 0, done.stdout
