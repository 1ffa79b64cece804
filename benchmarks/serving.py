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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ticketboss.embedded_postgres.cluster import Cluster  # noqa: E402

__all__ = ["Cluster", "Served", "environment", "server"]


class Served(NamedTuple):
    """A running server: its URL, the admin's password and its process id.

    The password is empty unless the server is in development mode and its database is new.
    """

    url: str
    password: str
    pid: int


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a TicketBoss process that uses ``home``, plus ``extra``."""
    # The empty DATABASE_URL overrides one in .env, which may name a production database.
    base = {"PATH": os.defpath, "TICKETBOSS_HOME": str(home), "DATABASE_URL": ""}
    return base | dict(extra or {})


@contextmanager
def server(home: Path, extra: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run a server without a job worker, with the environment variables ``extra``.

    Raises:
        SystemExit: the server does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = home.parent / f"log-{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--no-worker"],
            cwd=ROOT,
            env=environment(home, {"PORT": str(port), **(extra or {})}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while "Booting worker" not in log.read_text() and process.poll() is None:
            time.sleep(0.1)
        time.sleep(2)
        if process.poll() is not None:
            raise SystemExit(log.read_text())
        found = re.search(r"admin / (\S+)", log.read_text())
        yield Served(f"http://127.0.0.1:{port}", found[1] if found else "", process.pid)
    finally:
        process.terminate()
        process.wait()
