"""Renders the results as Markdown."""

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from load import LoadResult
from metrics import Metric, Series
from plot import draw
from serving import ROOT, environment

RESULTS = Path(__file__).with_name("results")
_MIN_ROUNDS = 3
_PACKAGES = ("Django", "djangorestframework", "psycopg", "gunicorn", "gevent", "httptools")
_SETTINGS = (
    "API_ACCESS",
    "WEB_CONCURRENCY",
    "DATABASE_POOL_SIZE",
    "GROUP_COMMIT",
    "GROUP_COMMIT_MAX_BATCH",
    "GROUP_COMMIT_MAX_QUEUE",
    "REQUEST_TIMEOUT",
)
_PRINT_SETTINGS = """
import json, sys
from ticketboss import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]
                  if hasattr(settings, name)}))
"""


@dataclass
class RunInfo:
    """The conditions of a run that affect its results."""

    rounds: int
    seconds: int
    server: Mapping[str, object]
    database: Mapping[str, str]
    notes: Sequence[str] = ()


def table(metrics: Sequence[Metric]) -> str:
    """Return the metrics as a Markdown table."""
    reached = {True: "yes", False: "**no**", None: "-"}
    rows = [
        f"| {metric.name} | {metric.measured} | {metric.goal} | {reached[metric.reached]} |"
        for metric in metrics
    ]
    return "\n".join(["| metric | measured | goal | reached? |", "|---|---|---|---|", *rows])


def server_settings(home: Path, extra: Mapping[str, str]) -> dict[str, object]:
    """Return the effective settings of a server with the environment variables ``extra``."""
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_SETTINGS, *_SETTINGS],
        cwd=ROOT,
        env=environment(home, extra),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def file_system_type(path: Path) -> str:
    """Return the type of the file system that contains ``path``, for example ``ext4``."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    parents = [(mount, kind) for mount, kind in mounts if path.resolve().is_relative_to(mount)]
    return max(parents, key=lambda parent: len(parent[0]))[1]


def write(
    metrics: Sequence[Metric],
    series: Series,
    curves: Mapping[str, Mapping[int, float]],
    run_info: RunInfo,
) -> Path:
    """Write today's results and their chart; return the path of the results."""
    today = datetime.now(UTC).date().isoformat()
    RESULTS.mkdir(exist_ok=True)
    chart = RESULTS / f"{today}-throughput.svg"
    chart.write_text(draw(curves, "Sales of one hot event"))
    results = RESULTS / f"{today}.md"
    results.write_text("\n".join(_page(today, metrics, series, chart.name, run_info)))
    return results


def _page(
    today: str, metrics: Sequence[Metric], series: Series, chart: str, run_info: RunInfo
) -> Iterator[str]:
    yield f"# Throughput of a hot event, {today}\n"
    yield "Written by `make bench`; [how to read it](../README.md). Each ratio is the median of its"
    yield f"rounds. Each workload ran for {run_info.rounds} rounds of {run_info.seconds} s. Each"
    yield "reservation is for one seat.\n"
    if run_info.rounds < _MIN_ROUNDS:
        yield "**This is a trial run: it has too few rounds to be conclusive.**\n"
    yield table(metrics) + "\n"
    yield from (f"{note}\n" for note in run_info.notes)
    yield f"![Sales per second by number of clients]({chart})\n"
    yield "## Workloads\n\n" + _rounds(series) + "\n"
    yield "## Environment\n"
    yield from (f"- {name}: {value}" for name, value in _environment(run_info))
    yield ""


def _rounds(series: Series) -> str:
    rows = [f"| {name} | {_summary(results)} |" for name, results in series.items()]
    head = "| workload | per second: median | lowest | highest | p50 | p99 | max |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def _summary(results: Sequence[LoadResult]) -> str:
    rates = [result.rate for result in results]
    cells = [f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates))]
    if any(result.requests for result in results):
        latencies = (
            median(result.p50 for result in results),
            median(result.p99 for result in results),
            max(result.longest for result in results),
        )
        cells += [f"{latency:.1f} ms" for latency in latencies]
    else:
        cells += ["", "", ""]
    return " | ".join(cells)


def _environment(run_info: RunInfo) -> Iterator[tuple[str, str]]:
    cores = len(os.sched_getaffinity(0))
    yield (
        "machine",
        f"{cores} cores of {_cpu()}, {_memory()}, {platform.system()} {platform.release()}",
    )
    packages = [f"{name} {version(name)}" for name in _PACKAGES]
    postgresql = f"PostgreSQL {run_info.database['server_version']}"
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    built = "with" if optimised else "without"
    python = f"Python {platform.python_version()} (built {built} optimisations)"
    yield "versions", ", ".join([python, *packages, postgresql, f"wrk {_wrk_version()}"])
    yield "server", ", ".join(f"`{name}={value}`" for name, value in run_info.server.items())
    yield (
        "database",
        ", ".join(
            f"`{name}={value}`"
            for name, value in run_info.database.items()
            if name != "server_version"
        ),
    )


def _search(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else "unknown"


def _cpu() -> str:
    return _search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())


def _memory() -> str:
    kibibytes = _search(r"^MemTotal:\s*(\d+) kB$", Path("/proc/meminfo").read_text())
    return f"{int(kibibytes) / 1024**2:.0f} GiB of memory"


def _wrk_version() -> str:
    # No check: wrk -v exits with 1, because it also prints its usage.
    output = subprocess.run(["wrk", "-v"], capture_output=True, check=False, text=True).stdout  # noqa: S607
    return _search(r"^wrk (\S+)", output)
