"""Those who make the load: wrk over HTTP, pgbench in SQL."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving import Cluster

SCRIPTS = Path(__file__).with_name("wrk")
THREADS = 2
# Longer than any answer takes: what is slow shall be seen as slow, not as lost.
_TIMEOUT = "30s"
PGBENCH_DATABASE = "pgbench"

# What selling a seat takes at the least: one row that all want, and a row for each sale.
PGBENCH_TABLES = """
CREATE TABLE event (
    id bigint PRIMARY KEY, slug varchar(100) UNIQUE, name varchar(200), total_seats integer,
    available_seats integer, reservation_count integer, version bigint
);
INSERT INTO event VALUES (1, 'hot', 'Hot', 2000000000, 2000000000, 0, 0);
CREATE TABLE sale (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id bigint, partner varchar(100),
    seats integer, created_at timestamptz DEFAULT now()
);
"""
PGBENCH_TRANSACTION = """
BEGIN;
SELECT available_seats, version FROM event WHERE id = 1 FOR UPDATE;
UPDATE event SET available_seats = available_seats - 1,
    reservation_count = reservation_count + 1, version = version + 1 WHERE id = 1;
INSERT INTO sale (event_id, partner, seats) VALUES (1, 'drop', 1);
COMMIT;
"""


@dataclass(frozen=True)
class Load:
    """What one round came to; times in milliseconds."""

    rate: float
    """Answers of the wanted kind, or transactions, in a second."""
    p50: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    requests: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    """Answers that never came, by what happened to the connection."""

    def __str__(self) -> str:
        times = f", p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms" if self.requests else ""
        return f"{self.rate:,.0f}/s{times}"

    def other_than(self, *wanted: int) -> dict[str, int]:
        """Return how many answers were none of ``wanted``, by status or error."""
        expected = set(map(str, wanted))
        found = {name: count for name, count in self.statuses.items() if name not in expected}
        return found | {name: count for name, count in self.errors.items() if count}


@dataclass(frozen=True)
class Target:
    """Whom wrk asks, what, and which status it hopes for."""

    url: str
    script: str
    wanted: int
    arguments: Sequence[str] = ()
    headers: Sequence[str] = ()


def say(text: str) -> None:
    """Tell whoever waits what goes on."""
    print(text, file=sys.stderr, flush=True)


def missing(cluster: Cluster) -> str:
    """Return one sentence on what has to be installed first; nothing if all is there."""
    absent = []
    if not shutil.which("wrk"):
        absent.append("wrk (on Debian: apt install wrk)")
    if not _pgbench(cluster).exists():
        absent.append("pgbench (on Debian: apt install postgresql)")
    return f"make bench needs {' and '.join(absent)}." if absent else ""


def start_wrk(target: Target, *, clients: int, seconds: int) -> subprocess.Popen[str]:
    """Start to ask; ``result`` waits for the end."""
    return subprocess.Popen(
        [  # noqa: S607 (wherever it is installed)
            "wrk",
            *("-c", str(clients), "-t", str(min(THREADS, clients)), "-d", f"{seconds}s"),
            *("--timeout", _TIMEOUT, "-s", f"{target.script}.lua"),
            *(part for header in target.headers for part in ("-H", header)),
            *(target.url, "--", *target.arguments),
        ],
        cwd=SCRIPTS,  # where one script finds another
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result(process: subprocess.Popen[str], wanted: int) -> Load:
    """Return what wrk saw, once it is done."""
    said, _ = process.communicate()
    last = said.strip().rpartition("\n")[2]
    if process.returncode or not last.startswith("{"):
        raise SystemExit(f"wrk failed: {said}")
    seen: dict[str, Any] = json.loads(last)
    return Load(
        rate=seen["statuses"].get(str(wanted), 0) / seen["seconds"],
        p50=seen["p50"],
        p99=seen["p99"],
        worst=seen["max"],
        requests=seen["requests"],
        statuses=seen["statuses"],
        errors=seen["errors"],
    )


def wrk(target: Target, *, clients: int, seconds: int) -> Load:
    """Ask for some seconds; return what was seen."""
    return result(start_wrk(target, clients=clients, seconds=seconds), target.wanted)


def prepare_pgbench(cluster: Cluster) -> None:
    """Make pgbench's tables, in a database of their own on the same server."""
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {PGBENCH_DATABASE}")
    with cluster.connect(PGBENCH_DATABASE) as connection:
        connection.execute(PGBENCH_TABLES)


def pgbench(cluster: Cluster, *, clients: int, seconds: int) -> Load:
    """Sell for some seconds in SQL alone; return how fast it was."""
    where = cluster.connection_params()
    done = subprocess.run(
        [
            str(_pgbench(cluster)),
            *("-n", "-M", "prepared", "-f", "-"),
            *("-c", str(clients), "-j", str(min(THREADS, clients)), "-T", str(seconds)),
            *("-h", where["host"], "-p", str(where["port"]), "-U", where["user"]),
            PGBENCH_DATABASE,
        ],
        input=PGBENCH_TRANSACTION,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "actually processed" not in done.stdout:
        raise SystemExit(f"pgbench failed: {done.stderr or done.stdout}")
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if not found:
        # The round was over before all were connected, which counts as part of it.
        return pgbench(cluster, clients=clients, seconds=2 * seconds)
    return Load(rate=float(found[1]))


def _pgbench(cluster: Cluster) -> Path:
    return cluster.install.bin / "pgbench"
