"""Did the books stay true? Judged from what the API itself said, without asking anybody.

Others may buy at the same time: a change that is not ours is fine, as long as it follows from the
one before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """An event's summary at one moment; seats, and the version they had then."""

    total: int
    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change feed; ``seats`` is signed, ``available`` is what was left."""

    version: int
    kind: str
    seats: int
    available: int
    reservation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """A reservation that a buyer was told is theirs."""

    reservation_id: str
    seats: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was seen of a drop."""

    before: Figures
    """Read before the first buyer asked."""
    after: Figures
    """Read when the last buyer had an answer."""
    feed: Sequence[Change]
    """From ``before.version`` at least to ``after.version``, as the API gave it."""
    sales: Sequence[Sale]
    """Every 201."""
    asked: int
    """Seats that each request asked for."""


def judge(evidence: Evidence) -> list[str]:
    """Return a sentence for each violation; none if the books are true."""
    return [
        *_oversale(evidence),
        *_chain(evidence.before, evidence.feed),
        *_end(evidence),
        *_sales(evidence),
    ]


def oversold(evidence: Evidence) -> int:
    """Return how many seats were sold that were not there."""
    # What was returned or added in the meantime may rightly be sold again.
    room = evidence.before.available + sum(max(0, change.seats) for change in evidence.feed)
    told = sum(sale.seats for sale in evidence.sales)
    lowest = min([evidence.after.available, *(change.available for change in evidence.feed)])
    return max(0, told - room, -lowest)


def _oversale(evidence: Evidence) -> Iterator[str]:
    if seats := oversold(evidence):
        yield f"{seats} seats were sold that were not there"


def _chain(before: Figures, feed: Sequence[Change]) -> Iterator[str]:
    version, available = before.version, before.available
    for change in feed:
        if change.version != version + 1:
            yield f"version {change.version} follows version {version} in the feed"
        if change.available != available + change.seats:
            yield (
                f"version {change.version} leaves {change.available} seats, "
                f"but {available} {change.seats:+} is {available + change.seats}"
            )
        if change.available < 0:
            yield f"version {change.version} leaves {change.available} seats"
        version, available = change.version, change.available


def _end(evidence: Evidence) -> Iterator[str]:
    before, after = evidence.before, evidence.after
    known = {before.version: before.available}
    known.update((change.version, change.available) for change in evidence.feed)
    if after.version not in known or after.version < before.version:
        yield f"the event is at version {after.version}, but the feed ends at {max(known)}"
    elif after.available != known[after.version]:
        yield (
            f"at version {after.version} the event has {after.available} seats available, "
            f"but {known[after.version]} in the feed"
        )
    total = before.total + _added_capacity(evidence)
    if after.total != total:
        yield f"the event has {after.total} seats in all, but {total} by the feed"
    if not 0 <= after.available <= after.total:
        yield f"{after.available} of {after.total} seats are available"


def _added_capacity(evidence: Evidence) -> int:
    return sum(
        change.seats
        for change in evidence.feed
        if change.kind == "capacity" and change.version <= evidence.after.version
    )


def _sales(evidence: Evidence) -> Iterator[str]:
    for reservation_id, times in Counter(sale.reservation_id for sale in evidence.sales).items():
        if times > 1:
            yield f"reservation {reservation_id} was given to {times} buyers"
    confirmed = defaultdict(list)
    for change in evidence.feed:
        if change.kind == "confirmed":
            confirmed[change.reservation_id].append(-change.seats)
    for sale in evidence.sales:
        yield from _sale(sale, evidence.asked, confirmed[sale.reservation_id])


def _sale(sale: Sale, asked: int, found: list[int]) -> Iterator[str]:
    named = f"reservation {sale.reservation_id} of {sale.seats} seats"
    if sale.seats != asked:
        yield f"{named} was given to a buyer who asked for {asked}"
    if len(found) != 1:
        yield f"{named} was sold, but is in the feed {len(found)} times"
    elif found != [sale.seats]:
        yield f"{named} was sold, but takes {found[0]} in the feed"
