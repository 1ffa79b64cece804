"""The figures, and the goals that they are held to."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from load import Load

Series = Mapping[str, Sequence[Load]]
Part = Callable[[Load], float]


class Figure(NamedTuple):
    """One line of the table; ``reached`` is None for what was not measured."""

    name: str
    measured: str
    goal: str
    reached: bool | None


class Ratio(NamedTuple):
    """How two contestants, or two times of one, compare; and how they should."""

    name: str
    over: str
    under: str
    at_least: float | None = None
    at_most: float | None = None
    part: Part = lambda load: load.rate
    of: Part | None = None
    """What of the lower one, if not the same as of the upper one."""


def _p50(load: Load) -> float:
    return load.p50


def _p99(load: Load) -> float:
    return load.p99


_HOT = "reservations, 128 clients"
RATIOS = (
    Ratio(
        "reservations/s ÷ pgbench's transactions/s, 32 clients",
        "reservations, 32 clients",
        "pgbench, 32 clients",
        at_least=1.1,
    ),
    Ratio(
        "reservations/s ÷ pgbench's transactions/s, 128 clients",
        _HOT,
        "pgbench, 128 clients",
        at_least=3.0,
    ),
    Ratio(
        "reservations/s ÷ an empty view's requests/s, 128 clients",
        _HOT,
        "GET /health, 128 clients",
        at_least=0.7,
    ),
    Ratio(
        "reservations/s ÷ the same without group commit, 128 clients",
        _HOT,
        "without group commit, 128 clients",
        at_least=5,
    ),
    Ratio("p99 ÷ p50 of a reservation, 128 clients", _HOT, _HOT, at_most=6, part=_p99, of=_p50),
    Ratio(
        "refusals/s of a sold-out event ÷ reservations/s, 128 clients",
        "refusals, 128 clients",
        _HOT,
        at_least=1.1,
    ),
    Ratio(
        "bookings/s of 3 events out of 20 ÷ reservations/s, 32 clients",
        "bookings, 32 clients",
        "reservations, 32 clients",
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
        "reservations/s of an event that has {rows:,} ÷ of one that has none",
        "a full event, 128 clients",
        "an event with none, 128 clients",
        at_least=0.9,
    ),
    Ratio(
        "p99 of an event that has {rows:,} ÷ of one that has none",
        "a full event, 128 clients",
        "an event with none, 128 clients",
        at_most=1.2,
        part=_p99,
    ),
    Ratio(
        "reservations/s beside a locked event that 32 wait for ÷ alone, 128 clients",
        "beside a locked event, 128 clients",
        "alone, 128 clients",
        at_least=0.7,
    ),
    Ratio(
        "reservations/s with 1,280 clients ÷ with 128",
        "a crowd, 1,280 clients",
        "reservations before a crowd, 128 clients",
        at_least=0.8,
    ),
    Ratio(
        "reservations/s a second after 1,280 clients ÷ before, 128 clients",
        "a second after a crowd, 128 clients",
        "reservations before a crowd, 128 clients",
        at_least=0.8,
    ),
    Ratio(
        "a lone client's p50 ÷ the same without group commit",
        "reservations, 1 client",
        "without group commit, 1 client",
        at_most=1.1,
        part=_p50,
    ),
)


def compare(ratio: Ratio, series: Series, rows: int) -> Figure:
    """Return the median of the rounds' ratios, beside its goal."""
    lower = ratio.of or ratio.part
    pairs = zip(series[ratio.over], series[ratio.under], strict=True)
    # Whoever got nothing done is beaten beyond measure.
    found = median(
        ratio.part(over) / lower(under) if lower(under) else float("inf") for over, under in pairs
    )
    return _judge(ratio.name.format(rows=rows), found, ratio.at_least, ratio.at_most)


def _judge(name: str, found: float, at_least: float | None, at_most: float | None) -> Figure:
    if at_least is not None:
        return Figure(name, f"{found:.2f}", f"≥ {at_least}", found >= at_least)
    assert at_most is not None
    return Figure(name, f"{found:.2f}", f"≤ {at_most}", found <= at_most)


def none_of(name: str, found: int) -> Figure:
    """Return a figure that must be 0."""
    return Figure(name, f"{found:,}", "0", found == 0)


def growth(requests: int, early: int, found: float | None) -> Figure:
    """Return what became of the workers' memory; None if nobody looked."""
    name = f"workers' memory after {requests:,} requests ÷ after {early:,}"
    if found is None:
        return Figure(name, "skipped: needs --memory", "≤ 1.1", None)
    return _judge(name, found, None, 1.1)
