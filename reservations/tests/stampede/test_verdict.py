"""The verdict: every true history is accepted, and each kind of lie is found."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reservations.stampede.verdict import Change, Evidence, Figures, Sale, judge, oversold

ASKED = 3


@dataclass
class SimulatedEvent:
    """An event that sells as it should, and writes down what it does."""

    total: int
    available: int
    version: int
    feed: list[Change] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)

    @property
    def figures(self) -> Figures:
        return Figures(total=self.total, available=self.available, version=self.version)

    def do(self, kind: str, seats: int) -> None:
        """Do it if the event lets it happen."""
        rise = {"cancelled", "expired"}
        if not 0 <= self.available + seats <= self.total + (seats if kind == "capacity" else 0):
            return
        assert kind not in rise or seats > 0
        self.version += 1
        self.available += seats
        self.total += seats if kind == "capacity" else 0
        named = None if kind in {"capacity", "edited"} else f"r{self.version}"
        self.feed.append(Change(self.version, kind, seats, self.available, named))

    def sell(self) -> None:
        """Sell to a buyer of this run."""
        before = self.version
        self.do("confirmed", -ASKED)
        if self.version > before:
            self.sales.append(Sale(f"r{self.version}", ASKED))


SEATS = st.integers(1, 10)
OTHERS = st.one_of(
    st.tuples(st.sampled_from(["confirmed", "held"]), SEATS.map(lambda seats: -seats)),
    st.tuples(st.sampled_from(["cancelled", "expired"]), SEATS),
    st.tuples(st.sampled_from(["hold_confirmed", "edited", "renamed"]), st.just(0)),
    st.tuples(st.just("capacity"), st.integers(-20, 20)),
)


@st.composite
def histories(draw: st.DrawFn, *, least: int = 0) -> Evidence:
    """What is seen of a true sale, with at least so many buyers; the feed may run on after it."""
    total = draw(st.integers(0, 60)) + ASKED * least
    available = draw(st.integers(ASKED * least, total))
    event = SimulatedEvent(total, available, version=draw(st.integers(0, 1000)))
    before = event.figures
    for _ in range(least):
        event.sell()
    for step in draw(st.lists(st.none() | OTHERS, max_size=20)):
        event.do(*step) if step else event.sell()
    after = event.figures
    for step in draw(st.lists(OTHERS, max_size=3)):
        event.do(*step)
    return Evidence(before, after, event.feed, draw(st.permutations(event.sales)), ASKED)


TOLD = histories(least=2)


@given(histories())
def test_every_true_history_is_accepted(evidence: Evidence) -> None:
    assert judge(evidence) == []
    assert oversold(evidence) == 0


@given(histories(), st.data())
def test_a_request_without_an_answer_may_be_in_the_feed(
    evidence: Evidence, data: st.DataObject
) -> None:
    known = [sale for sale in evidence.sales if data.draw(st.booleans())]
    assert judge(replace(evidence, sales=known)) == []


def seen(evidence: Evidence) -> int:
    """How many entries of the feed the figures afterwards vouch for."""
    return evidence.after.version - evidence.before.version


@given(TOLD, st.data())
def test_a_gap(evidence: Evidence, data: st.DataObject) -> None:
    feed = list(evidence.feed)
    del feed[data.draw(st.integers(0, seen(evidence) - 1))]
    assert judge(replace(evidence, feed=feed))


@given(TOLD, st.data())
def test_a_version_that_comes_twice(evidence: Evidence, data: st.DataObject) -> None:
    feed = list(evidence.feed)
    place = data.draw(st.integers(0, len(feed) - 1))
    feed.insert(place, feed[place])
    version = feed[place].version
    found = judge(replace(evidence, feed=feed))
    assert f"version {version} follows version {version} in the feed" in found


@given(TOLD, st.data())
def test_versions_out_of_order(evidence: Evidence, data: st.DataObject) -> None:
    feed = list(evidence.feed)
    place = data.draw(st.integers(0, len(feed) - 2))
    feed[place : place + 2] = reversed(feed[place : place + 2])
    assert judge(replace(evidence, feed=feed))


def renumber(evidence: Evidence, feed: list[Change]) -> Evidence:
    """Return evidence of these changes that is true in itself, but for the sales."""
    event = SimulatedEvent(
        evidence.before.total, evidence.before.available, evidence.before.version
    )
    for change in feed:
        event.version += 1
        event.available += change.seats
        event.total += change.seats if change.kind == "capacity" else 0
        event.feed.append(replace(change, version=event.version, available=event.available))
    return replace(evidence, feed=event.feed, after=event.figures)


@given(TOLD, st.data())
def test_a_reservation_that_is_lost(evidence: Evidence, data: st.DataObject) -> None:
    """Its change is taken away without a trace: versions, seats and figures all agree."""
    lost = data.draw(st.sampled_from(evidence.sales))
    others = [each for each in evidence.feed if each.reservation_id != lost.reservation_id]
    forged = renumber(evidence, others)
    assume(0 <= forged.after.available <= forged.after.total)
    assert judge(forged) == [
        f"reservation {lost.reservation_id} of 3 seats was sold, but is in the feed 0 times"
    ]


@given(TOLD, st.data())
def test_a_reservation_that_takes_seats_twice(evidence: Evidence, data: st.DataObject) -> None:
    """Versions, seats and figures agree, as far as there were seats."""
    sale = data.draw(st.sampled_from(evidence.sales))
    twice = [each for each in evidence.feed if each.reservation_id == sale.reservation_id]
    forged = renumber(evidence, [*evidence.feed, *twice])
    found = judge(forged)
    assert any(
        f"{sale.reservation_id} of 3 seats was sold, but is in the feed 2 times" in each
        for each in found
    )


Lie = Callable[[Change], Change]


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda change: replace(change, kind="held"), "is in the feed 0 times"),
        (lambda change: replace(change, seats=change.seats + 1), "takes 2 in the feed"),
        (lambda change: replace(change, available=change.available + 1), "but "),
        (lambda change: replace(change, available=-1), "leaves -1 seats"),
    ],
)
@given(TOLD, st.data())
def test_a_change_that_is_not_what_happened(
    lie: Lie, said: str, evidence: Evidence, data: st.DataObject
) -> None:
    sale = data.draw(st.sampled_from(evidence.sales))
    feed = [
        lie(change) if change.reservation_id == sale.reservation_id else change
        for change in evidence.feed
    ]
    assert any(said in violation for violation in judge(replace(evidence, feed=feed)))


@given(TOLD, st.sampled_from(["total", "available", "version"]), st.sampled_from([-1, 1]))
def test_figures_that_the_feed_does_not_lead_to(evidence: Evidence, name: str, off: int) -> None:
    after = replace(evidence.after, **{name: getattr(evidence.after, name) + off})
    # At another version, the same figures may be true.
    assume(after.available != seats_at(evidence).get(after.version))
    assert judge(replace(evidence, after=after))


def seats_at(evidence: Evidence) -> dict[int, int]:
    """The available seats at each version but the last that was seen."""
    first = {evidence.before.version: evidence.before.available}
    seats = first | {change.version: change.available for change in evidence.feed}
    del seats[evidence.after.version]
    return seats


@given(TOLD)
def test_one_reservation_for_two_buyers(evidence: Evidence) -> None:
    twice = [*evidence.sales, evidence.sales[0]]
    named = evidence.sales[0].reservation_id
    found = judge(replace(evidence, sales=twice))
    assert f"reservation {named} was given to 2 buyers" in found


@given(TOLD)
def test_another_number_of_seats_than_was_asked_for(evidence: Evidence) -> None:
    first, *others = evidence.sales
    found = judge(replace(evidence, sales=[replace(first, seats=ASKED + 1), *others]))
    assert any("was given to a buyer who asked for 3" in violation for violation in found)


@given(TOLD, st.integers(1, 5))
def test_seats_that_were_not_there(evidence: Evidence, extra: int) -> None:
    """More sales than the event had room for, whatever the feed pretends."""
    room = evidence.before.available + sum(max(0, each.seats) for each in evidence.feed)
    sold = -(-(room + extra) // ASKED)
    sales = [Sale(f"s{number}", ASKED) for number in range(sold)]
    forged = replace(evidence, sales=sales)
    assert oversold(forged) == sold * ASKED - room >= extra
    assert f"{oversold(forged)} seats were sold that were not there" in judge(forged)


@given(st.integers(1, 9))
def test_an_event_that_goes_below_nothing(below: int) -> None:
    """Honestly written down, and oversold all the same."""
    before = Figures(total=10, available=ASKED - below, version=0)
    after = Figures(total=10, available=-below, version=1)
    feed = [Change(1, "confirmed", -ASKED, -below, "r1")]
    evidence = Evidence(before, after, feed, [], ASKED)
    assert oversold(evidence) == below
    assert f"version 1 leaves -{below} seats" in judge(evidence)


def test_a_version_that_went_back() -> None:
    figures = Figures(total=10, available=10, version=5)
    evidence = Evidence(figures, replace(figures, version=4), [], [], ASKED)
    assert judge(evidence) == ["the event is at version 4, but the feed ends at 5"]


def test_more_seats_than_there_are() -> None:
    figures = Figures(total=10, available=12, version=5)
    assert judge(Evidence(figures, figures, [], [], ASKED)) == ["12 of 10 seats are available"]
