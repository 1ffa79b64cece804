"""The output of a load test: a progress bar while it runs, and a report afterwards."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from reservations.stampede.buyers import Buyer, LoadTotals
from reservations.stampede.consistency import Observations, oversold_seats

_WIDTH = 30
_MAX_VIOLATIONS = 20
_PERCENTILES = (50, 90, 99, 100)


class ProgressBar:
    """One line on a terminal that shows progress; writes nothing to other streams."""

    def __init__(self, stream: TextIO, buyers: Sequence[Buyer], seconds: float) -> None:
        self._stream = stream
        self._buyers = buyers
        self._seconds = seconds
        self._visible = stream.isatty()

    def update(self, elapsed: float) -> None:
        """Draw the bar for ``elapsed`` seconds since the start."""
        if not self._visible:
            return
        done = int(_WIDTH * elapsed / self._seconds)
        accepted = sum(len(buyer.totals.accepted) for buyer in self._buyers)
        refused = sum(len(buyer.totals.refused) for buyer in self._buyers)
        self._write(
            f"[{'#' * done:<{_WIDTH}}] {elapsed:.0f} of {self._seconds:g} s, "
            f"{accepted:,} accepted, {refused:,} refused"
        )

    def replace(self, text: str) -> None:
        """Show ``text`` instead of the bar; an empty text clears the line."""
        if self._visible:
            self._write(text)

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()


def describe_load(totals: LoadTotals, seconds: float) -> str:
    """Return the counts, rates and latencies of a load that lasted ``seconds``."""
    return "\n".join(_load_lines(totals, seconds))


def _load_lines(totals: LoadTotals, seconds: float) -> Iterator[str]:
    seats = sum(sale.seats for sale in totals.sales)
    yield _row("requests", totals.requests, seconds)
    yield f"{_row('accepted', len(totals.accepted), seconds)}   {seats:,} seats"
    yield _row("refused", len(totals.refused), seconds)
    yield _row("unanswered", totals.unanswered, None)
    yield ""
    yield from _counts("answers", totals.answers)
    yield from _counts("no answer", totals.connection_errors)
    yield ""
    yield "latency in ms       p50       p90       p99       max"
    yield _latency("accepted", totals.accepted)
    yield _latency("refused", totals.refused)


def _row(name: str, count: int, seconds: float | None) -> str:
    row = f"{name:<12}{count:>10,}"
    return row if seconds is None else f"{row}{count / seconds:>10,.0f} /s"


def _counts(name: str, counts: dict[str, int]) -> Iterator[str]:
    for label, count in sorted(counts.items()):
        yield f"{name:<12}{count:>10,}   {label}"
        name = ""


def _latency(name: str, latencies: Sequence[float]) -> str:
    ordered = sorted(latencies)
    cells = (f"{_percentile(ordered, each) * 1000:>10,.1f}" for each in _PERCENTILES)
    return f"{name:<13}" + "".join(cells if ordered else [f"{'-':>10}"] * len(_PERCENTILES))


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least ``percent`` percent of the values do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def describe_result(observations: Observations, violations: Sequence[str], unanswered: int) -> str:
    """Return the result of the consistency check, with the numbers that support it."""
    lines = (
        _inconsistent(observations, violations)
        if violations
        else _consistent(observations, unanswered)
    )
    return "\n".join(lines)


def _inconsistent(observations: Observations, violations: Sequence[str]) -> Iterator[str]:
    oversold = oversold_seats(observations)
    yield f"INCONSISTENT: {len(violations):,} violations, {oversold:,} seats oversold"
    for violation in violations[:_MAX_VIOLATIONS]:
        yield f"  {violation}"
    if len(violations) > _MAX_VIOLATIONS:
        yield f"  and {len(violations) - _MAX_VIOLATIONS:,} more"


def _consistent(observations: Observations, unanswered: int) -> Iterator[str]:
    before, after, feed = observations.before, observations.after, observations.feed
    others = f"{len(feed) - len(observations.sales):,} other changes"
    if unanswered:
        others += f", some possibly from the {unanswered:,} unanswered requests"
    taken = after.total - after.available
    yield f"CONSISTENT: 0 seats oversold, {taken:,} of {after.total:,} seats taken"
    yield f"  {before.available:,} seats available before, {after.available:,} after"
    yield f"  {len(feed):,} changes since version {before.version:,}, in order and without gaps"
    yield (
        f"  {len(observations.sales):,} accepted reservations, each in the change feed once; "
        f"{others}"
    )
