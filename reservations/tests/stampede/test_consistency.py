"""The consistency check accepts consistent histories and finds each kind of inconsistency."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reservations.stampede.consistency import (
    Change,
    EventSummary,
    Observations,
    Sale,
    find_violations,
    oversold_seats,
)

SEATS_PER_REQUEST = 3


@dataclass
class SimulatedEvent:
    """An event that sells correctly and records its changes."""

    total: int
    available: int
    version: int
    feed: list[Change] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)

    @property
    def summary(self) -> EventSummary:
        return EventSummary(total=self.total, available=self.available, version=self.version)

    def apply(self, kind: str, seats: int) -> None:
        """Apply and record a change; ignore one that the event would refuse."""
        if not 0 <= self.available + seats <= self.total + (seats if kind == "capacity" else 0):
            return
        assert kind not in {"cancelled", "expired"} or seats > 0
        self.version += 1
        self.available += seats
        self.total += seats if kind == "capacity" else 0
        reservation_id = None if kind in {"capacity", "edited"} else f"r{self.version}"
        self.feed.append(Change(self.version, kind, seats, self.available, reservation_id))

    def sell(self) -> None:
        """Sell to a buyer of the load test, if there are enough seats."""
        before = self.version
        self.apply("confirmed", -SEATS_PER_REQUEST)
        if self.version > before:
            self.sales.append(Sale(f"r{self.version}", SEATS_PER_REQUEST))


SEATS = st.integers(1, 10)
OTHER_CHANGES = st.one_of(
    st.tuples(st.sampled_from(["confirmed", "held"]), SEATS.map(lambda seats: -seats)),
    st.tuples(st.sampled_from(["cancelled", "expired"]), SEATS),
    st.tuples(st.sampled_from(["hold_confirmed", "edited", "renamed"]), st.just(0)),
    st.tuples(st.just("capacity"), st.integers(-20, 20)),
)


@st.composite
def histories(draw: st.DrawFn, *, min_sales: int = 0) -> Observations:
    """Draw consistent observations; the feed may contain changes after the last summary."""
    total = draw(st.integers(0, 60)) + SEATS_PER_REQUEST * min_sales
    available = draw(st.integers(SEATS_PER_REQUEST * min_sales, total))
    event = SimulatedEvent(total, available, version=draw(st.integers(0, 1000)))
    before = event.summary
    for _ in range(min_sales):
        event.sell()
    for change in draw(st.lists(st.none() | OTHER_CHANGES, max_size=20)):
        event.apply(*change) if change else event.sell()
    after = event.summary
    for change in draw(st.lists(OTHER_CHANGES, max_size=3)):
        event.apply(*change)
    sales = draw(st.permutations(event.sales))
    return Observations(before, after, event.feed, sales, SEATS_PER_REQUEST)


HISTORIES_WITH_SALES = histories(min_sales=2)


@given(histories())
def test_consistent_history_has_no_violations(observations: Observations) -> None:
    assert find_violations(observations) == []
    assert oversold_seats(observations) == 0


def hide_others(observations: Observations) -> Observations:
    """Return what a partner observes: the feed does not tell whose the other reservations are."""
    own = {sale.reservation_id for sale in observations.sales}
    feed = [
        change if change.reservation_id in own else replace(change, reservation_id=None)
        for change in observations.feed
    ]
    return replace(observations, feed=feed)


@given(histories())
def test_hidden_reservations_of_others_are_consistent(observations: Observations) -> None:
    assert find_violations(hide_others(observations)) == []


@given(HISTORIES_WITH_SALES, st.data())
def test_own_reservation_that_is_hidden_is_found(
    observations: Observations, data: st.DataObject
) -> None:
    hidden = data.draw(st.sampled_from(observations.sales))
    others = [sale for sale in observations.sales if sale != hidden]
    feed = hide_others(replace(observations, sales=others)).feed
    assert find_violations(replace(observations, feed=feed)) == [
        f"reservation {hidden.reservation_id} of 3 seats was sold, but is in the feed 0 times"
    ]


@given(histories(), st.data())
def test_unanswered_requests_may_appear_in_the_feed(
    observations: Observations, data: st.DataObject
) -> None:
    answered = [sale for sale in observations.sales if data.draw(st.booleans())]
    assert find_violations(replace(observations, sales=answered)) == []


def changes_before_summary(observations: Observations) -> int:
    """Return how many changes of the feed precede the last summary."""
    return observations.after.version - observations.before.version


@given(HISTORIES_WITH_SALES, st.data())
def test_gap_in_the_feed_is_found(observations: Observations, data: st.DataObject) -> None:
    feed = list(observations.feed)
    del feed[data.draw(st.integers(0, changes_before_summary(observations) - 1))]
    assert find_violations(replace(observations, feed=feed))


@given(HISTORIES_WITH_SALES, st.data())
def test_duplicate_version_is_found(observations: Observations, data: st.DataObject) -> None:
    feed = list(observations.feed)
    index = data.draw(st.integers(0, len(feed) - 1))
    feed.insert(index, feed[index])
    version = feed[index].version
    found = find_violations(replace(observations, feed=feed))
    assert f"version {version} follows version {version} in the feed" in found


@given(HISTORIES_WITH_SALES, st.data())
def test_versions_out_of_order_are_found(observations: Observations, data: st.DataObject) -> None:
    feed = list(observations.feed)
    index = data.draw(st.integers(0, len(feed) - 2))
    feed[index : index + 2] = reversed(feed[index : index + 2])
    assert find_violations(replace(observations, feed=feed))


def with_feed(observations: Observations, feed: list[Change]) -> Observations:
    """Replace the feed; recompute its versions and seats, and the last summary, to match."""
    before = observations.before
    event = SimulatedEvent(before.total, before.available, before.version)
    for change in feed:
        event.version += 1
        event.available += change.seats
        event.total += change.seats if change.kind == "capacity" else 0
        event.feed.append(replace(change, version=event.version, available=event.available))
    return replace(observations, feed=event.feed, after=event.summary)


@given(HISTORIES_WITH_SALES, st.data())
def test_lost_reservation_is_found(observations: Observations, data: st.DataObject) -> None:
    """The sale's change is missing, but versions, seats and the last summary all agree."""
    lost = data.draw(st.sampled_from(observations.sales))
    others = [each for each in observations.feed if each.reservation_id != lost.reservation_id]
    forged = with_feed(observations, others)
    assume(0 <= forged.after.available <= forged.after.total)
    assert find_violations(forged) == [
        f"reservation {lost.reservation_id} of 3 seats was sold, but is in the feed 0 times"
    ]


@given(HISTORIES_WITH_SALES, st.data())
def test_reservation_recorded_twice_is_found(
    observations: Observations, data: st.DataObject
) -> None:
    """Versions and seats agree, although the available seats may become negative."""
    sale = data.draw(st.sampled_from(observations.sales))
    copies = [each for each in observations.feed if each.reservation_id == sale.reservation_id]
    forged = with_feed(observations, [*observations.feed, *copies])
    expected = f"{sale.reservation_id} of 3 seats was sold, but is in the feed 2 times"
    assert any(expected in violation for violation in find_violations(forged))


Corruption = Callable[[Change], Change]


@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (lambda change: replace(change, kind="held"), "is in the feed 0 times"),
        (lambda change: replace(change, seats=change.seats + 1), "takes 2 seats in the feed"),
        (lambda change: replace(change, available=change.available + 1), "but "),
        (lambda change: replace(change, available=-1), "leaves -1 seats"),
    ],
    ids=["kind", "seats", "available", "negative-available"],
)
@given(HISTORIES_WITH_SALES, st.data())
def test_corrupted_change_is_found(
    corrupt: Corruption, expected: str, observations: Observations, data: st.DataObject
) -> None:
    sale = data.draw(st.sampled_from(observations.sales))
    feed = [
        corrupt(change) if change.reservation_id == sale.reservation_id else change
        for change in observations.feed
    ]
    found = find_violations(replace(observations, feed=feed))
    assert any(expected in violation for violation in found)


@given(
    HISTORIES_WITH_SALES,
    st.sampled_from(["total", "available", "version"]),
    st.sampled_from([-1, 1]),
)
def test_summary_that_contradicts_the_feed_is_found(
    observations: Observations, name: str, offset: int
) -> None:
    after = replace(observations.after, **{name: getattr(observations.after, name) + offset})
    # The same number of available seats may be correct at another version.
    assume(after.available != seats_at_other_versions(observations).get(after.version))
    assert find_violations(replace(observations, after=after))


def seats_at_other_versions(observations: Observations) -> dict[int, int]:
    """Return the available seats by version, except for the last summary's version."""
    first = {observations.before.version: observations.before.available}
    seats = first | {change.version: change.available for change in observations.feed}
    del seats[observations.after.version]
    return seats


@given(HISTORIES_WITH_SALES)
def test_reservation_returned_to_two_buyers_is_found(observations: Observations) -> None:
    sales = [*observations.sales, observations.sales[0]]
    reservation_id = observations.sales[0].reservation_id
    found = find_violations(replace(observations, sales=sales))
    assert f"reservation {reservation_id} was returned to 2 buyers" in found


@given(HISTORIES_WITH_SALES)
def test_wrong_number_of_seats_is_found(observations: Observations) -> None:
    first, *others = observations.sales
    wrong = replace(first, seats=SEATS_PER_REQUEST + 1)
    found = find_violations(replace(observations, sales=[wrong, *others]))
    assert any("was returned to a buyer that requested 3" in violation for violation in found)


@given(HISTORIES_WITH_SALES, st.integers(1, 5))
def test_more_sales_than_seats_are_found(observations: Observations, extra: int) -> None:
    """The number of sales alone proves it, whatever the feed contains."""
    sellable = observations.before.available + sum(max(0, each.seats) for each in observations.feed)
    sold = -(-(sellable + extra) // SEATS_PER_REQUEST)
    sales = [Sale(f"s{number}", SEATS_PER_REQUEST) for number in range(sold)]
    forged = replace(observations, sales=sales)
    oversold = oversold_seats(forged)
    assert oversold == sold * SEATS_PER_REQUEST - sellable >= extra
    assert f"{oversold} more seats were sold than were available" in find_violations(forged)


@given(st.integers(1, 9))
def test_negative_available_seats_are_oversold(below: int) -> None:
    """The feed and the summary agree, but the event is oversold."""
    before = EventSummary(total=10, available=SEATS_PER_REQUEST - below, version=0)
    after = EventSummary(total=10, available=-below, version=1)
    feed = [Change(1, "confirmed", -SEATS_PER_REQUEST, -below, "r1")]
    observations = Observations(before, after, feed, [], SEATS_PER_REQUEST)
    assert oversold_seats(observations) == below
    assert f"version 1 leaves -{below} seats" in find_violations(observations)


def test_version_that_decreases_is_found() -> None:
    before = EventSummary(total=10, available=10, version=5)
    observations = Observations(before, replace(before, version=4), [], [], SEATS_PER_REQUEST)
    assert find_violations(observations) == ["the event is at version 4, but the feed ends at 5"]


def test_more_available_than_total_seats_is_found() -> None:
    summary = EventSummary(total=10, available=12, version=5)
    observations = Observations(summary, summary, [], [], SEATS_PER_REQUEST)
    assert find_violations(observations) == ["12 of 10 seats are available"]
