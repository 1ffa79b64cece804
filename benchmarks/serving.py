"""A server of a benchmark's own."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ticketboss.embedded_postgres.cluster import Cluster  # noqa: E402

__all__ = ["Cluster", "server"]


@contextmanager
def server(home: Path) -> Iterator[tuple[str, str]]:
    """Serve without a worker; give the address and the first login's password."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = home.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--no-worker"],
            cwd=ROOT,
            env={"PATH": os.defpath, "TICKETBOSS_HOME": str(home), "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while "Booting worker" not in log.read_text() and process.poll() is None:
            time.sleep(0.1)
        time.sleep(2)
        found = re.search(r"admin / (\S+)", log.read_text())
        if not found:
            raise SystemExit(log.read_text())
        yield f"http://127.0.0.1:{port}", found[1]
    finally:
        process.terminate()
        process.wait()
