"""How fast a hot event is sold: beside pgbench, an empty view, and itself without group commit."""

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import memory
import report
from figures import RATIOS, Figure, compare, growth, none_of
from load import missing, prepare_pgbench, say
from rounds import Drop
from serving import Cluster, server
from stock import Stock, production, running

GROUP_COMMIT_OFF = {"GROUP_COMMIT": "0"}
# What may be tried out: WEB_CONCURRENCY=4 make bench
ADJUSTABLE = (
    "WEB_CONCURRENCY",
    "GROUP_COMMIT_MAX_BATCH",
    "GROUP_COMMIT_MAX_QUEUE",
    "DATABASE_POOL_SIZE",
)
FULL, QUICK_FULL = 1_000_000, 20_000


@dataclass
class Options:
    """How long to measure, and what."""

    seconds: int
    rounds: int
    quick: bool
    memory: int | None

    @property
    def rows(self) -> int:
        """How many reservations the full event has."""
        return QUICK_FULL if self.quick else FULL


def options() -> Options:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, help="of one round (default: 5)")
    parser.add_argument("--rounds", type=int, help="of every contestant (default: 3)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round of a second, a smaller table, no picture and no file: to see that it works",
    )
    parser.add_argument(
        "--memory",
        type=int,
        nargs="?",
        const=memory.MILLION,
        metavar="REQUESTS",
        help="look at the workers' memory after so many requests too (default: 1,000,000)",
    )
    given = parser.parse_args()
    seconds, rounds = (1, 1) if given.quick else (5, 3)
    return Options(given.seconds or seconds, given.rounds or rounds, given.quick, given.memory)


def main() -> int:
    """Measure; print a table and write it down; return 1 if a seat was sold wrongly."""
    wanted = options()
    allow_many_sockets()
    with tempfile.TemporaryDirectory(prefix="ticketboss-benchmark-") as folder:
        Path(folder).chmod(0o755)
        with scene(Path(folder) / "home", wanted) as (drop, facts):
            figures, curves = measure(drop, wanted)
            truth = correctness(drop)
    figures += truth
    facts.notes = notes(drop)
    print("\n".join([report.table(figures), "", *facts.notes]))
    if curves:
        say(f"written: {report.write(figures, drop.series, curves, facts)}")
    return 0 if all(figure.reached for figure in truth) else 1


def allow_many_sockets() -> None:
    """Let wrk and the servers open as many as the system allows at all."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def scene(home: Path, wanted: Options) -> Iterator[tuple[Drop, report.Facts]]:
    """Keep the database and both servers running; give what measures them, and the facts.

    Raises:
        SystemExit: something is missing.
    """
    cluster = Cluster(home)
    if complaint := missing(cluster):
        raise SystemExit(complaint)
    settings = production() | {name: os.environ[name] for name in ADJUSTABLE if name in os.environ}
    with (
        running(cluster),
        server(home, settings) as on,
        server(home, settings | GROUP_COMMIT_OFF) as off,
        cluster.connect("ticketboss") as database,
    ):
        stock = Stock(database, home, settings)
        facts = report.Facts(
            rounds=wanted.rounds,
            seconds=wanted.seconds,
            server=report.server_settings(home, settings),
            database=stock.settings() | {"file system": report.file_system(cluster.install.data)},
        )
        prepare_pgbench(cluster)
        yield Drop(cluster, stock, on.url, off.url, wanted.seconds, wanted.rounds), facts


def measure(drop: Drop, wanted: Options) -> tuple[list[Figure], dict[str, dict[int, float]]]:
    """Run all rounds; return the figures of speed, and the curves unless it shall be quick."""
    drop.warm_up()
    drop.hot_event()
    drop.some_clients()
    drop.lone_client()
    drop.locked_event()
    drop.crowd()
    drop.last_seats()
    curves = {} if wanted.quick else drop.throughput()
    # Last, since what it fills is in everybody's tables.
    drop.full_event(wanted.rows)
    figures = [compare(ratio, drop.series, wanted.rows) for ratio in RATIOS]
    grown = memory_growth(drop.stock, wanted)
    figures.append(growth(wanted.memory or memory.MILLION, memory.EARLY, grown))
    return figures, curves


def memory_growth(stock: Stock, wanted: Options) -> float | None:
    """Return by which factor the workers of a new server grow, if that is wanted."""
    if wanted.memory is None:
        return None
    with server(stock.home, stock.server) as served:
        return memory.grown(served, stock.open("remembered"), wanted.memory)


def correctness(drop: Drop) -> list[Figure]:
    """Return the figures that must be 0."""
    say("verifying the inventory")
    return [
        none_of(
            "answers that are not 201 while seats last, or wrong otherwise", drop.wrong.total()
        ),
        none_of("seats oversold", drop.stock.oversold() + drop.miscounted),
        none_of("figures that drift, by verify_inventory", drop.stock.drift()),
    ]


def notes(drop: Drop) -> list[str]:
    """Return what the table does not say."""
    said = []
    for name, wrong in (("TicketBoss", drop.wrong), ("Without group commit", drop.wrong_off)):
        if wrong:
            counts = ", ".join(f"{count:,} of {status}" for status, count in wrong.items())
            said.append(f"{name}, answers that were not wanted, by status or error: {counts}.")
    return said


if __name__ == "__main__":
    sys.exit(main())
