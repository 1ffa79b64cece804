"""Checks whether the API's answers before, during and after a load test are consistent.

Other clients may buy at the same time. Their changes are allowed, as long as each change follows
from the one before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventSummary:
    """An event's seats and version at one moment."""

    total: int
    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change feed.

    ``seats`` is signed: negative if the change takes seats. ``available`` is the number of
    available seats after the change.
    """

    version: int
    kind: str
    seats: int
    available: int
    reservation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """A reservation that a buyer received with a 201."""

    reservation_id: str
    seats: int


@dataclass(frozen=True, slots=True)
class Observations:
    """What the API answered during a load test."""

    before: EventSummary
    """Read before the first request of a buyer."""
    after: EventSummary
    """Read after the last buyer got its answer."""
    feed: Sequence[Change]
    """The changes after ``before.version``, up to ``after.version`` or later, in feed order."""
    sales: Sequence[Sale]
    """One for each 201."""
    seats_per_request: int


def find_violations(observations: Observations) -> list[str]:
    """Return one sentence for each violation; an empty list means consistent."""
    return [
        *_oversale(observations),
        *_feed_violations(observations.before, observations.feed),
        *_summary_violations(observations),
        *_sales_violations(observations),
    ]


def oversold_seats(observations: Observations) -> int:
    """Return how many more seats were sold than were available."""
    feed = observations.feed
    # Seats that were returned or added during the test can be sold again.
    sellable = observations.before.available + sum(max(0, change.seats) for change in feed)
    sold = sum(sale.seats for sale in observations.sales)
    lowest = min([observations.after.available, *(change.available for change in feed)])
    return max(0, sold - sellable, -lowest)


def _oversale(observations: Observations) -> Iterator[str]:
    if seats := oversold_seats(observations):
        yield f"{seats} more seats were sold than were available"


def _feed_violations(before: EventSummary, feed: Sequence[Change]) -> Iterator[str]:
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


def _summary_violations(observations: Observations) -> Iterator[str]:
    before, after = observations.before, observations.after
    known = {before.version: before.available}
    known.update((change.version, change.available) for change in observations.feed)
    if after.version not in known or after.version < before.version:
        yield f"the event is at version {after.version}, but the feed ends at {max(known)}"
    elif after.available != known[after.version]:
        yield (
            f"at version {after.version} the event has {after.available} seats available, "
            f"but {known[after.version]} in the feed"
        )
    total = before.total + _added_capacity(observations)
    if after.total != total:
        yield f"the event has {after.total} seats in total, but {total} according to the feed"
    if not 0 <= after.available <= after.total:
        yield f"{after.available} of {after.total} seats are available"


def _added_capacity(observations: Observations) -> int:
    return sum(
        change.seats
        for change in observations.feed
        if change.kind == "capacity" and change.version <= observations.after.version
    )


def _sales_violations(observations: Observations) -> Iterator[str]:
    counts = Counter(sale.reservation_id for sale in observations.sales)
    for reservation_id, times in counts.items():
        if times > 1:
            yield f"reservation {reservation_id} was returned to {times} buyers"
    confirmed = defaultdict(list)
    for change in observations.feed:
        if change.kind == "confirmed":
            confirmed[change.reservation_id].append(-change.seats)
    for sale in observations.sales:
        yield from _sale_violations(
            sale, observations.seats_per_request, confirmed[sale.reservation_id]
        )


def _sale_violations(sale: Sale, requested: int, found: list[int]) -> Iterator[str]:
    reservation = f"reservation {sale.reservation_id} of {sale.seats} seats"
    if sale.seats != requested:
        yield f"{reservation} was returned to a buyer that requested {requested}"
    if len(found) != 1:
        yield f"{reservation} was sold, but is in the feed {len(found)} times"
    elif found != [sale.seats]:
        yield f"{reservation} was sold, but takes {found[0]} seats in the feed"
