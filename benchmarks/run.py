"""Compare sales of a hot event with pgbench, an empty view, and sales without group commit."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import memory
import report
from database import BenchmarkDatabase, production_settings, running
from load import log, missing_programs, prepare_pgbench
from metrics import RATIOS, Metric, compare, memory_growth, must_be_zero
from rounds import Benchmark
from serving import ROOT, Cluster, Served, gunicorn, server

GROUP_COMMIT_OFF = {"GROUP_COMMIT": "0"}
WITH_KEYS = {"API_ACCESS": "keys"}
# Settings that can be overridden from the environment, for example: WEB_CONCURRENCY=4 make bench
ADJUSTABLE = (
    "WEB_CONCURRENCY",
    "GROUP_COMMIT_MAX_BATCH",
    "GROUP_COMMIT_MAX_QUEUE",
    "DATABASE_POOL_SIZE",
)
ROWS, QUICK_ROWS = 1_000_000, 20_000


@dataclass
class Options:
    """The command-line options."""

    seconds: int
    rounds: int
    quick: bool
    memory: int | None
    """Number of requests for the memory measurement; None to skip it."""
    before: str
    """The git revision of older code to compare with; empty to skip it."""

    @property
    def rows(self) -> int:
        """The number of reservations of the event with many reservations."""
        return QUICK_ROWS if self.quick else ROWS


def parse_options() -> Options:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, help="duration of each round (default: 5)")
    parser.add_argument("--rounds", type=int, help="rounds of each workload (default: 3)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="check that the benchmark works: one round of one second, a smaller table, "
        "no results file and no chart",
    )
    parser.add_argument(
        "--memory",
        type=int,
        nargs="?",
        const=memory.DEFAULT_REQUESTS,
        metavar="REQUESTS",
        help="also measure the workers' memory after this many requests (default: 1,000,000)",
    )
    parser.add_argument(
        "--before",
        default="",
        metavar="REVISION",
        help="also compare with older code: a git revision",
    )
    parsed = parser.parse_args()
    seconds, rounds = (1, 1) if parsed.quick else (5, 3)
    return Options(
        parsed.seconds or seconds,
        parsed.rounds or rounds,
        parsed.quick,
        parsed.memory,
        parsed.before,
    )


def main() -> int:
    """Run the benchmark; print and write the results.

    Return the exit code: 1 if a metric that must be 0 is not, otherwise 0.
    """
    options = parse_options()
    raise_open_file_limit()
    with tempfile.TemporaryDirectory(prefix="ticketboss-benchmark-") as folder:
        Path(folder).chmod(0o755)
        with set_up(Path(folder) / "home", options) as (benchmark, run_info):
            metrics, curves = measure(benchmark, options)
            correctness = check_correctness(benchmark)
    metrics += correctness
    run_info.notes = notes(benchmark)
    print("\n".join([report.table(metrics), "", *run_info.notes]))
    if curves:
        log(f"results written to {report.write(metrics, benchmark.series, curves, run_info)}")
    return 0 if all(metric.reached for metric in correctness) else 1


def raise_open_file_limit() -> None:
    """Raise the limit of open files to the maximum: wrk and the servers need many sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def set_up(home: Path, options: Options) -> Iterator[tuple[Benchmark, report.RunInfo]]:
    """Keep the database and all servers running; yield the benchmark and facts about the run.

    Raises:
        SystemExit: a required program is missing, or the database is not durable.
    """
    cluster = Cluster(home)
    if complaint := missing_programs(cluster):
        raise SystemExit(complaint)
    settings = production_settings() | {
        name: os.environ[name] for name in ADJUSTABLE if name in os.environ
    }
    with (
        running(cluster),
        # First: it does not start on a database that newer code has migrated.
        older_server(home, settings, options.before) as before,
        server(home, settings) as on,
        server(home, settings | GROUP_COMMIT_OFF) as off,
        server(home, settings | WITH_KEYS) as keyed,
        sqlite_server(home.parent, "django_application") as sqlite_django,
        sqlite_server(home.parent, "bare_application") as sqlite_bare,
        cluster.connect("ticketboss") as connection,
    ):
        database = BenchmarkDatabase(connection, home, settings)
        run_info = report.RunInfo(
            rounds=options.rounds,
            seconds=options.seconds,
            server=report.server_settings(home, settings),
            database=database.settings()
            | {"file system": report.file_system_type(cluster.install.data)},
        )
        prepare_pgbench(cluster)
        benchmark = Benchmark(
            cluster,
            database,
            on,
            off,
            keyed,
            database.create_key(),
            before,
            {"Django": sqlite_django, "no framework": sqlite_bare},
            options.seconds,
            options.rounds,
        )
        yield benchmark, run_info


@contextmanager
def sqlite_server(folder: Path, application: str) -> Iterator[str]:
    """Run an application of ``sqlite_server.py`` with its database in ``folder``; yield its URL."""
    variables = {"PATH": os.defpath, "SQLITE_FILE": str(folder / f"{application}.sqlite")}
    arguments = ["--worker-class", "gevent", f"sqlite_server:{application}"]
    with gunicorn(arguments, folder, variables) as url:
        yield url


@contextmanager
def older_server(home: Path, settings: Mapping[str, str], revision: str) -> Iterator[Served | None]:
    """Run the code of a git revision with the installed packages; None without a revision.

    Raises:
        SystemExit: the revision does not exist, or its server does not start.
    """
    if not revision:
        yield None
        return
    checkout = home.parent / "before"
    git = ["git", "-C", str(ROOT), "worktree"]
    added = subprocess.run([*git, "add", "--detach", str(checkout), revision], check=False)
    if added.returncode:
        raise SystemExit(f"git cannot check out {revision}")
    try:
        with server(home, settings, checkout) as served:
            yield served
    finally:
        subprocess.run([*git, "remove", "--force", str(checkout)], check=True)


def measure(
    benchmark: Benchmark, options: Options
) -> tuple[list[Metric], dict[str, dict[int, float]]]:
    """Run all rounds; return the performance metrics and the throughput curves.

    There are no curves with ``--quick``.
    """
    benchmark.warm_up()
    benchmark.hot_event()
    benchmark.some_clients()
    benchmark.with_keys()
    benchmark.lone_client()
    benchmark.locked_event()
    benchmark.many_clients()
    benchmark.last_seats()
    curves = {} if options.quick else benchmark.throughput()
    # Last, because the rows stay in the tables and would affect every other workload.
    benchmark.many_reservations(options.rows)
    metrics = [compare(ratio, benchmark.series, options.rows) for ratio in RATIOS]
    factor = measure_memory(benchmark.database, options)
    requests = options.memory or memory.DEFAULT_REQUESTS
    metrics.append(memory_growth(requests, memory.BASELINE_REQUESTS, factor))
    return metrics, curves


def measure_memory(database: BenchmarkDatabase, options: Options) -> float | None:
    """Return the growth factor of a new server's workers, or None without ``--memory``."""
    if options.memory is None:
        return None
    with server(database.home, database.server_settings) as served:
        return memory.growth_factor(served, database.open_event("memory"), options.memory)


def check_correctness(benchmark: Benchmark) -> list[Metric]:
    """Return the metrics that must be 0."""
    log("verifying the inventory")
    return [
        must_be_zero(
            "unexpected answers: not 201 while seats are available, or otherwise wrong",
            benchmark.unexpected.total(),
        ),
        must_be_zero("seats oversold", benchmark.database.oversold() + benchmark.miscounted_seats),
        must_be_zero("drift found by verify_inventory", benchmark.database.drift()),
    ]


def notes(benchmark: Benchmark) -> list[str]:
    """Return a note for each server that gave unexpected answers."""
    lines = []
    for name, unexpected in (
        ("TicketBoss", benchmark.unexpected),
        ("Without group commit, and older code", benchmark.unexpected_off),
    ):
        if unexpected:
            counts = ", ".join(f"{status}: {count:,}" for status, count in unexpected.items())
            lines.append(f"{name}: unexpected answers, by status or error ({counts}).")
    return lines


if __name__ == "__main__":
    sys.exit(main())
