"""The load generators: wrk over HTTP, pgbench in SQL."""

import json
import os
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
# Longer than any answer takes, so that slow answers are measured and do not count as timeouts.
_TIMEOUT = "30s"
PGBENCH_DATABASE = "pgbench"

# The minimum work of a sale: lock and update one row shared by all clients, and insert one row.
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
INSERT INTO sale (event_id, partner, seats) VALUES (1, 'benchmark', 1);
COMMIT;
"""


@dataclass(frozen=True)
class LoadResult:
    """The result of one round; latencies in milliseconds, 0 for pgbench."""

    rate: float
    """Answers with the expected status, or transactions, per second."""
    p50: float = 0.0
    p99: float = 0.0
    longest: float = 0.0
    requests: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    """Unanswered requests, by kind of connection error."""
    cpu: float = 0.0
    """CPU time of the server's workers per answer, in microseconds; 0 if not measured."""

    def __str__(self) -> str:
        latencies = f", p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms" if self.requests else ""
        return f"{self.rate:,.0f}/s{latencies}"

    def other_than(self, *expected: int) -> dict[str, int]:
        """Count the answers whose status is not in ``expected``, and the errors, by name."""
        names = set(map(str, expected))
        others = {name: count for name, count in self.statuses.items() if name not in names}
        return others | {name: count for name, count in self.errors.items() if count}


@dataclass(frozen=True)
class Target:
    """What wrk requests, and the status that it expects."""

    url: str
    script: str
    """Name of a file in ``wrk/``, without ``.lua``."""
    expected: int
    arguments: Sequence[str] = ()
    """Arguments for the script."""
    headers: Sequence[str] = ()
    key: str = field(default="", repr=False)
    """The API key, for ``reserve.lua``. Other users could read it on the command line."""


def log(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def missing_programs(cluster: Cluster) -> str:
    """Return an error message that names the missing programs, or an empty string."""
    missing = []
    if not shutil.which("wrk"):
        missing.append("wrk (on Debian: apt install wrk)")
    if not _pgbench_path(cluster).exists():
        missing.append("pgbench (on Debian: apt install postgresql)")
    return f"make bench needs {' and '.join(missing)}." if missing else ""


def start_wrk(target: Target, *, clients: int, seconds: int) -> subprocess.Popen[str]:
    """Start wrk; pass the process to ``wait_for_result``."""
    return subprocess.Popen(
        [  # noqa: S607 (from PATH)
            "wrk",
            *("-c", str(clients), "-t", str(min(THREADS, clients)), "-d", f"{seconds}s"),
            *("--timeout", _TIMEOUT, "-s", f"{target.script}.lua"),
            *(part for header in target.headers for part in ("-H", header)),
            *(target.url, "--", *target.arguments),
        ],
        cwd=SCRIPTS,  # so that the scripts can require each other
        env=os.environ | {"TICKETBOSS_API_KEY": target.key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_result(process: subprocess.Popen[str], expected: int) -> LoadResult:
    """Wait for wrk and return its result; ``expected`` is the status that counts as success."""
    output, _ = process.communicate()
    last = output.strip().rpartition("\n")[2]
    if process.returncode or not last.startswith("{"):
        raise SystemExit(f"wrk failed: {output}")
    parsed: dict[str, Any] = json.loads(last)
    return LoadResult(
        rate=parsed["statuses"].get(str(expected), 0) / parsed["seconds"],
        p50=parsed["p50"],
        p99=parsed["p99"],
        longest=parsed["max"],
        requests=parsed["requests"],
        statuses=parsed["statuses"],
        errors=parsed["errors"],
    )


def run_wrk(target: Target, *, clients: int, seconds: int) -> LoadResult:
    """Run wrk for ``seconds`` and return its result."""
    return wait_for_result(start_wrk(target, clients=clients, seconds=seconds), target.expected)


def prepare_pgbench(cluster: Cluster) -> None:
    """Create a separate database on the same server, with the tables for pgbench."""
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {PGBENCH_DATABASE}")
    with cluster.connect(PGBENCH_DATABASE) as connection:
        connection.execute(PGBENCH_TABLES)


def run_pgbench(cluster: Cluster, *, clients: int, seconds: int) -> LoadResult:
    """Run pgbench for ``seconds``, or longer if connecting takes too long; return its result."""
    params = cluster.connection_params()
    done = subprocess.run(
        [
            str(_pgbench_path(cluster)),
            *("-n", "-M", "prepared", "-f", "-"),
            *("-c", str(clients), "-j", str(min(THREADS, clients)), "-T", str(seconds)),
            *("-h", params["host"], "-p", str(params["port"]), "-U", params["user"]),
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
        # The round, which includes the time to connect, ended before all clients had connected.
        return run_pgbench(cluster, clients=clients, seconds=2 * seconds)
    return LoadResult(rate=float(found[1]))


def _pgbench_path(cluster: Cluster) -> Path:
    return cluster.install.bin / "pgbench"
