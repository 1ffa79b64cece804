"""The metrics and their goals."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from load import LoadResult

Series = Mapping[str, Sequence[LoadResult]]
Value = Callable[[LoadResult], float]


class Metric(NamedTuple):
    """One row of the table; ``reached`` is None if it was not measured or has no goal."""

    name: str
    measured: str
    goal: str
    reached: bool | None


class Ratio(NamedTuple):
    """A ratio of two workloads, or of two values of one workload, and its goal."""

    name: str
    numerator: str
    """The name of a workload."""
    denominator: str
    at_least: float | None = None
    at_most: float | None = None
    value: Value = lambda result: result.rate
    """Returns the value to compare, for example the rate."""
    denominator_value: Value | None = None
    """The same for the denominator; None means ``value``."""


def _p50(result: LoadResult) -> float:
    return result.p50


def _p99(result: LoadResult) -> float:
    return result.p99


def _cpu(result: LoadResult) -> float:
    return result.cpu


_HOT = "reservations, 128 clients"
_FEW = "reservations, 32 clients"
_BASELINE = "reservations (baseline), 128 clients"
RATIOS = (
    Ratio(
        "reservations/s ÷ pgbench transactions/s, 32 clients",
        _FEW,
        "pgbench, 32 clients",
        at_least=2.0,
    ),
    Ratio(
        "reservations/s ÷ pgbench transactions/s, 128 clients",
        _HOT,
        "pgbench, 128 clients",
        at_least=4.6,
    ),
    Ratio(
        "reservations/s ÷ older code, 32 clients",
        _FEW,
        "older code, 32 clients",
        at_least=1.35,
    ),
    Ratio(
        "reservations/s ÷ older code, 128 clients",
        _HOT,
        "older code, 128 clients",
        at_least=1.45,
    ),
    Ratio(
        "workers' CPU time per reservation ÷ older code, 128 clients",
        _HOT,
        "older code, 128 clients",
        at_most=0.68,
        value=_cpu,
    ),
    *(
        Ratio(
            f"{name} ÷ older code, {clients} clients",
            f"{workload}, {clients} clients",
            f"older code: {workload}, {clients} clients",
            at_least=1.0,
        )
        for name, workload, clients in (
            ("requests/s of an empty view", "GET /health", 128),
            ("refusals/s of a sold-out event", "refusals", 128),
            ("summaries/s", "summaries", 128),
            ("summaries/s answered 304", "summaries not modified", 128),
            ("bookings/s of 3 events out of 20", "bookings", 32),
        )
    ),
    Ratio(
        "reservations/s ÷ sales/s of a minimal Django server on SQLite, 32 clients",
        _FEW,
        "SQLite (Django), 32 clients",
        at_least=1.0,
    ),
    Ratio(
        "reservations/s ÷ sales/s of a minimal Django server on SQLite, 128 clients",
        _HOT,
        "SQLite (Django), 128 clients",
        at_least=1.25,
    ),
    Ratio(
        "reservations/s ÷ sales/s of the same server without a framework, 32 clients",
        _FEW,
        "SQLite (no framework), 32 clients",
    ),
    Ratio(
        "reservations/s ÷ sales/s of the same server without a framework, 128 clients",
        _HOT,
        "SQLite (no framework), 128 clients",
    ),
    *(
        Ratio(
            f"reservations/s with a key ÷ without keys, {clients} clients",
            f"reservations with a key, {clients} clients",
            f"reservations without keys, {clients} clients",
            at_least=0.95,
        )
        for clients in (32, 128)
    ),
    Ratio(
        "reservations/s ÷ requests/s of an empty view, 128 clients",
        _HOT,
        "GET /health, 128 clients",
        at_least=0.6,
    ),
    Ratio(
        "reservations/s ÷ the same without group commit, 128 clients",
        _HOT,
        "without group commit, 128 clients",
        at_least=5,
    ),
    Ratio(
        "p99 ÷ p50 of reservations, 128 clients",
        _HOT,
        _HOT,
        at_most=2.2,
        value=_p99,
        denominator_value=_p50,
    ),
    Ratio(
        "refusals/s of a sold-out event ÷ reservations/s, 128 clients",
        "refusals, 128 clients",
        _HOT,
        at_least=1.1,
    ),
    Ratio(
        "bookings/s of 3 events out of 20 ÷ reservations/s, 32 clients",
        "bookings, 32 clients",
        _FEW,
        at_least=0.4,
    ),
    Ratio(
        "summaries/s ÷ reservations/s, 128 clients",
        "summaries, 128 clients",
        _HOT,
        at_least=1.0,
    ),
    Ratio(
        "summaries/s answered 304 ÷ reservations/s, 128 clients",
        "summaries not modified, 128 clients",
        _HOT,
        at_least=1.1,
    ),
    Ratio(
        "reservations/s of an event with {rows:,} reservations ÷ of a new event, 128 clients",
        "event with many reservations, 128 clients",
        "new event, 128 clients",
        at_least=0.9,
    ),
    Ratio(
        "p99 of an event with {rows:,} reservations ÷ of a new event, 128 clients",
        "event with many reservations, 128 clients",
        "new event, 128 clients",
        at_most=1.2,
        value=_p99,
    ),
    Ratio(
        "reservations/s while 32 clients wait for another, locked event ÷ without, 128 clients",
        "another event locked, 128 clients",
        "no event locked, 128 clients",
        at_least=0.7,
    ),
    Ratio(
        "reservations/s with 1,280 clients ÷ with 128",
        "reservations, 1,280 clients",
        _BASELINE,
        at_least=0.85,
    ),
    Ratio(
        "reservations/s 1 s after 1,280 clients ÷ baseline, 128 clients",
        "reservations 1 s after 1,280 clients, 128 clients",
        _BASELINE,
        at_least=0.8,
    ),
    Ratio(
        "p50 of reservations ÷ the same without group commit, 1 client",
        "reservations, 1 client",
        "without group commit, 1 client",
        at_most=1.1,
        value=_p50,
    ),
    Ratio(
        "p50 of reservations while 8 clients post wrong passwords ÷ without, 1 client",
        "reservations while 8 clients guess passwords, 1 client",
        "reservations, 1 client",
        at_most=3,
        value=_p50,
    ),
)


def compare(ratio: Ratio, series: Series, rows: int) -> Metric:
    """Return the median of the ratios of all rounds, with its goal.

    ``rows`` is inserted into the metric's name. There is no value without ``--before`` for the
    ratios that need it.
    """
    if ratio.denominator not in series:
        goal = f"≥ {ratio.at_least}" if ratio.at_least is not None else f"≤ {ratio.at_most}"
        return Metric(ratio.name, "skipped: needs --before", goal, None)
    denominator_value = ratio.denominator_value or ratio.value
    pairs = zip(series[ratio.numerator], series[ratio.denominator], strict=True)
    ratios = []
    for numerator, denominator in pairs:
        divisor = denominator_value(denominator)
        # A workload that completed nothing makes the ratio infinite.
        ratios.append(ratio.value(numerator) / divisor if divisor else float("inf"))
    return _metric(ratio.name.format(rows=rows), median(ratios), ratio.at_least, ratio.at_most)


def _metric(name: str, measured: float, at_least: float | None, at_most: float | None) -> Metric:
    if at_least is not None:
        return Metric(name, f"{measured:.2f}", f"≥ {at_least}", measured >= at_least)
    if at_most is None:
        return Metric(name, f"{measured:.2f}", "none", None)
    return Metric(name, f"{measured:.2f}", f"≤ {at_most}", measured <= at_most)


def must_be_zero(name: str, count: int) -> Metric:
    """Return a metric whose goal is 0."""
    return Metric(name, f"{count:,}", "0", count == 0)


def memory_growth(requests: int, baseline: int, factor: float | None) -> Metric:
    """Return the metric of the workers' memory growth; ``factor`` is None if not measured."""
    name = f"workers' memory after {requests:,} requests ÷ after {baseline:,}"
    if factor is None:
        return Metric(name, "skipped: needs --memory", "≤ 1.1", None)
    return _metric(name, factor, None, 1.1)
