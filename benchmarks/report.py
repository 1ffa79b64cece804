"""What the run came to, as Markdown."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

from figures import Figure, Series
from load import Load
from plot import draw
from serving import ROOT, environment

RESULTS = Path(__file__).with_name("results")
_ENOUGH_ROUNDS = 3
_PACKAGES = ("Django", "djangorestframework", "psycopg", "gunicorn", "gevent")
_SETTINGS = (
    "WEB_CONCURRENCY",
    "DATABASE_POOL_SIZE",
    "GROUP_COMMIT",
    "GROUP_COMMIT_MAX_BATCH",
    "GROUP_COMMIT_MAX_QUEUE",
    "GROUP_COMMIT_QUEUE_TIMEOUT",
    "LOCK_TIMEOUT",
)
_ASK_SETTINGS = """
import json, sys
from ticketboss import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]
                  if hasattr(settings, name)}))
"""


@dataclass
class Facts:
    """What the figures depend on, besides the code."""

    rounds: int
    seconds: int
    server: Mapping[str, object]
    database: Mapping[str, str]
    notes: Sequence[str] = ()


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table."""
    said = {True: "yes", False: "**no**", None: "not measured"}
    rows = [f"| {name} | {found} | {goal} | {said[ok]} |" for name, found, goal, ok in figures]
    return "\n".join(["| figure | measured | goal | reached? |", "|---|---|---|---|", *rows])


def server_settings(home: Path, extra: Mapping[str, str]) -> dict[str, object]:
    """Return the settings that the server has, wherever it has them from."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK_SETTINGS, *_SETTINGS],
        cwd=ROOT,
        env=environment(home, extra),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def file_system(place: Path) -> str:
    """Return the kind of file system that ``place`` is on: on tmpfs, nothing lasts."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    around = [(mount, kind) for mount, kind in mounts if place.resolve().is_relative_to(mount)]
    return max(around, key=lambda found: len(found[0]))[1]


def write(
    figures: Sequence[Figure],
    series: Series,
    curves: Mapping[str, Mapping[int, float]],
    facts: Facts,
) -> Path:
    """Write the results of today, and their picture; return the file."""
    today = date.today().isoformat()
    RESULTS.mkdir(exist_ok=True)
    picture = RESULTS / f"{today}-throughput.svg"
    picture.write_text(draw(curves, "Sales of one hot event"))
    results = RESULTS / f"{today}.md"
    results.write_text("\n".join(_page(today, figures, series, picture.name, facts)))
    return results


def _page(
    today: str, figures: Sequence[Figure], series: Series, picture: str, facts: Facts
) -> Iterator[str]:
    yield f"# How fast a hot event is sold, {today}\n"
    yield "By `make bench`; [how to read it](../README.md). Each figure is a median; rounds of each"
    yield f"contestant: {facts.rounds}, of {facts.seconds} s; seats of each reservation: 1.\n"
    if facts.rounds < _ENOUGH_ROUNDS:
        yield "**A trial: so few rounds prove nothing.**\n"
    yield table(figures) + "\n"
    yield from (f"{note}\n" for note in facts.notes)
    yield f"![Sales in a second by the number of clients]({picture})\n"
    yield "## The rounds\n\n" + _rounds(series) + "\n"
    yield "## Where and with what\n"
    yield from (f"- {name}: {what}" for name, what in _circumstances(facts))
    yield ""


def _rounds(series: Series) -> str:
    rows = [f"| {name} | {_summary(loads)} |" for name, loads in series.items()]
    head = "| who | a second: median | lowest | highest | p50 | p99 | longest |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def _summary(loads: Sequence[Load]) -> str:
    rates = [load.rate for load in loads]
    cells = [f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates))]
    if any(load.requests for load in loads):
        times = (
            median(load.p50 for load in loads),
            median(load.p99 for load in loads),
            max(load.worst for load in loads),
        )
        cells += [f"{time:.1f} ms" for time in times]
    else:
        cells += ["", "", ""]
    return " | ".join(cells)


def _circumstances(facts: Facts) -> Iterator[tuple[str, str]]:
    cores = len(os.sched_getaffinity(0))
    yield (
        "machine",
        f"{cores} cores of {_cpu()}, {_memory()}, {platform.system()} " + (platform.release()),
    )
    packages = [f"{name} {version(name)}" for name in _PACKAGES]
    postgresql = f"PostgreSQL {facts.database['server_version']}"
    python = f"Python {platform.python_version()}"
    yield "versions", ", ".join([python, *packages, postgresql, f"wrk {_wrk_version()}"])
    yield "server", ", ".join(f"`{name}={value}`" for name, value in facts.server.items())
    yield (
        "database",
        ", ".join(
            f"`{name}={value}`"
            for name, value in facts.database.items()
            if name != "server_version"
        ),
    )


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else "unknown"


def _cpu() -> str:
    return _found(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())


def _memory() -> str:
    kibibytes = _found(r"^MemTotal:\s*(\d+) kB$", Path("/proc/meminfo").read_text())
    return f"{int(kibibytes) / 1024**2:.0f} GiB of memory"


def _wrk_version() -> str:
    # It says so, and then how to use it, which it takes for a failure.
    said = subprocess.run(["wrk", "-v"], capture_output=True, check=False, text=True).stdout  # noqa: S607
    return _found(r"^wrk (\S+)", said)
