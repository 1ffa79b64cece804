"""What a drop looks like: a bar while it runs, figures when it is over."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from reservations.stampede.buyers import Buyer, Tally
from reservations.stampede.verdict import Evidence, oversold

_WIDTH = 30
_MOST_VIOLATIONS = 20
_PERCENTILES = (50, 90, 99, 100)


class Bar:
    """A line on a terminal that shows how far the drop is; nothing anywhere else."""

    def __init__(self, stream: TextIO, buyers: Sequence[Buyer], seconds: float) -> None:
        self._stream = stream
        self._buyers = buyers
        self._seconds = seconds
        self._shown = stream.isatty()

    def show(self, passed: float) -> None:
        """Draw the line for so many seconds after the start."""
        if not self._shown:
            return
        done = int(_WIDTH * passed / self._seconds)
        accepted = sum(len(buyer.tally.accepted) for buyer in self._buyers)
        refused = sum(len(buyer.tally.refused) for buyer in self._buyers)
        self._write(
            f"[{'#' * done:<{_WIDTH}}] {passed:.0f} of {self._seconds:g} s, "
            f"{accepted:,} accepted, {refused:,} refused"
        )

    def say(self, text: str) -> None:
        """Show ``text`` in the place of the bar; nothing clears the line."""
        if self._shown:
            self._write(text)

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()


def describe_load(tally: Tally, seconds: float) -> str:
    """Return what the buyers met in so many seconds."""
    return "\n".join(_load(tally, seconds))


def _load(tally: Tally, seconds: float) -> Iterator[str]:
    answered = tally.answers.total()
    seats = sum(sale.seats for sale in tally.sales)
    yield _row("requests", answered + tally.losses.total(), seconds)
    yield f"{_row('accepted', len(tally.accepted), seconds)}   {seats:,} seats"
    yield _row("refused", len(tally.refused), seconds)
    yield _row("unanswered", tally.unanswered, None)
    yield ""
    yield from _counts("answers", tally.answers)
    yield from _counts("lost", tally.losses)
    yield ""
    yield "latency in ms       p50       p90       p99       max"
    yield _latency("accepted", tally.accepted)
    yield _latency("refused", tally.refused)


def _row(name: str, count: int, seconds: float | None) -> str:
    row = f"{name:<12}{count:>10,}"
    return row if seconds is None else f"{row}{count / seconds:>10,.0f} /s"


def _counts(name: str, counts: dict[str, int]) -> Iterator[str]:
    for what, count in sorted(counts.items()):
        yield f"{name:<12}{count:>10,}   {what}"
        name = ""


def _latency(name: str, latencies: Sequence[float]) -> str:
    ordered = sorted(latencies)
    cells = (f"{_percentile(ordered, each) * 1000:>10,.1f}" for each in _PERCENTILES)
    return f"{name:<13}" + "".join(cells if ordered else [f"{'-':>10}"] * len(_PERCENTILES))


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the least of the values that so many percent of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def describe_verdict(evidence: Evidence, violations: Sequence[str], unanswered: int) -> str:
    """Return the verdict with what it rests on."""
    return "\n".join(_accuse(evidence, violations) if violations else _prove(evidence, unanswered))


def _accuse(evidence: Evidence, violations: Sequence[str]) -> Iterator[str]:
    yield f"NOT TRUE: {len(violations):,} violations, {oversold(evidence):,} oversold"
    for violation in violations[:_MOST_VIOLATIONS]:
        yield f"  {violation}"
    if len(violations) > _MOST_VIOLATIONS:
        yield f"  and {len(violations) - _MOST_VIOLATIONS:,} more"


def _prove(evidence: Evidence, unanswered: int) -> Iterator[str]:
    before, after, feed = evidence.before, evidence.after, evidence.feed
    others = f"{len(feed) - len(evidence.sales):,} changes are not theirs"
    if unanswered:
        others += f", or of the {unanswered:,} requests without an answer"
    yield f"0 oversold: {after.total - after.available:,} of {after.total:,} seats are taken"
    yield f"  {before.available:,} were available before, {after.available:,} are now"
    yield f"  {len(feed):,} changes since version {before.version:,}, gap-free and in order"
    yield f"  {len(evidence.sales):,} reservations of these buyers, each there once; {others}"
