"""Runs a separate TicketBoss server for a benchmark."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_BENCHMARKS = Path(__file__).resolve().parent
ROOT = _BENCHMARKS.parent
sys.path.insert(0, str(ROOT))

from ticketboss.embedded_postgres.cluster import Cluster  # noqa: E402

__all__ = ["Cluster", "Served", "environment", "gunicorn", "server"]


class Served(NamedTuple):
    """A running server: its URL, the admin's password and its process id.

    The password is empty unless the server is in development mode and its database is new.
    """

    url: str
    password: str
    pid: int

    def worker_pids(self) -> list[int]:
        """Return the workers: gunicorn is a child of ``pid``, and they are gunicorn's."""
        return [worker for gunicorn in _children(self.pid) for worker in _children(gunicorn)]

    def cpu_seconds(self) -> float:
        """Return the CPU time that the workers have used so far."""
        ticks = 0
        for pid in self.worker_pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime and stime, see proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a TicketBoss process that uses ``home``, plus ``extra``.

    It requires no API key unless ``extra`` says so.
    """
    # The last two override .env, which may name a production database.
    base = {"PATH": os.defpath, "TICKETBOSS_HOME": str(home)}
    return base | {"DATABASE_URL": "", "API_ACCESS": "open"} | dict(extra or {})


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def server(
    home: Path, extra: Mapping[str, str] | None = None, root: Path = ROOT
) -> Iterator[Served]:
    """Run the server of the checkout ``root`` without a job worker.

    Args:
        home: its TICKETBOSS_HOME.
        extra: additional environment variables.
        root: the code to run.

    Raises:
        SystemExit: the server does not start.
    """
    port = _free_port()
    variables = environment(home, {"PORT": str(port), **(extra or {})})
    command = [sys.executable, "manage.py", "serve", "--no-worker"]
    log = home.parent / f"log-{port}"
    with _gunicorn_started(command, log, variables, root) as process:
        found = re.search(r"^Login admin, password in (.+)$", log.read_text(), re.MULTILINE)
        password = Path(found[1]).read_text().strip() if found else ""
        yield Served(f"http://127.0.0.1:{port}", password, process.pid)


@contextmanager
def gunicorn(arguments: list[str], folder: Path, variables: Mapping[str, str]) -> Iterator[str]:
    """Run gunicorn in the folder of the benchmarks, and yield its URL.

    Args:
        arguments: of gunicorn, without its address.
        folder: for the log.
        variables: the environment.

    Raises:
        SystemExit: gunicorn does not start.
    """
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", *arguments, "--no-control-socket"]
    command += ["--bind", f"127.0.0.1:{port}"]
    with _gunicorn_started(command, folder / f"log-{port}", variables, _BENCHMARKS):
        yield f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def _gunicorn_started(
    command: list[str], log: Path, variables: Mapping[str, str], cwd: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(variables), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        while "Booting worker" not in log.read_text() and process.poll() is None:
            time.sleep(0.1)
        time.sleep(2)
        if process.poll() is not None:
            raise SystemExit(log.read_text())
        yield process
    finally:
        process.terminate()
        process.wait()
