"""The rules, as pure functions: any sequence of commands keeps the books true."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from reservations.errors import (
    CapacityBelowSold,
    EventNotFound,
    NotEnoughSeats,
    Refusal,
    ReservationNotFound,
)
from reservations.ledger import Cancel, Cancelled, Edited, EditEvent, Reserve, Reserved
from reservations.ledger.commands import Command
from reservations.ledger.decide import decide
from reservations.ledger.state import Decision, Entry, EventState, ReservationState, State

IDS = [UUID(int=number) for number in range(12)]

commands = st.one_of(
    st.builds(
        Reserve,
        event=st.sampled_from(["a", "b", "none"]),
        partner=st.just("p"),
        seats=st.integers(1, 12),
        actor=st.just("t"),
        reservation_id=st.uuids(),
    ),
    st.builds(Cancel, reservation_id=st.sampled_from(IDS), actor=st.just("t")),
    st.builds(
        EditEvent,
        event=st.sampled_from(["a", "b", "none"]),
        edits=st.fixed_dictionaries(
            {}, optional={"total_seats": st.integers(-1, 30), "name": st.just("A name")}
        ),
        actor=st.just("t"),
    ),
)


@dataclass
class Books:
    """What ``commit`` does with decisions, in memory."""

    events: dict[str, EventState]
    reservations: dict[UUID, ReservationState] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)

    def apply(self, command: Command) -> Decision | Refusal:
        decision = decide(State(self.events, self.reservations), command)
        if isinstance(decision, Decision):
            for step in decision.steps:
                self.events[step.event.slug] = step.event
                self.entries.setdefault(step.event.slug, []).append(step.entry)
            for reservation in decision.reservations:
                self.reservations[reservation.id] = reservation
        return decision

    def live(self, slug: str) -> list[int]:
        return [
            reservation.seats
            for reservation in self.reservations.values()
            if (reservation.event, reservation.status) == (slug, "confirmed")
        ]


@given(st.integers(0, 20), st.integers(0, 20), st.lists(commands, max_size=60))
def test_any_sequence_keeps_the_books(a: int, b: int, sequence: list[Command]) -> None:
    books = Books({"a": EventState("a", a, a), "b": EventState("b", b, b)})
    ids = iter(IDS)
    for drawn in sequence:
        # Early reservations get ids that cancels can name.
        command = (
            replace(drawn, reservation_id=next(ids, drawn.reservation_id))
            if isinstance(drawn, Reserve)
            else drawn
        )
        before = (dict(books.events), dict(books.reservations))
        decision = books.apply(command)
        if isinstance(decision, Refusal):
            assert (books.events, books.reservations) == before
        for slug, event in books.events.items():
            live, entries = books.live(slug), books.entries.get(slug, [])
            assert 0 <= event.available_seats <= event.total_seats
            assert event.available_seats + sum(live) == event.total_seats
            assert event.reservation_count == len(live)
            assert event.version == len(entries)


@given(st.integers(0, 20), st.integers(1, 12))
def test_reserve_is_refused_exactly_when_it_does_not_fit(available: int, seats: int) -> None:
    event = EventState("a", 20, available)
    decision = decide(
        State({"a": event}, {}), Reserve(event="a", partner="p", seats=seats, actor="t")
    )
    if seats <= available:
        assert isinstance(decision, Decision)
        [step] = decision.steps
        assert step.event.available_seats == available - seats
    else:
        assert decision == NotEnoughSeats(requested=seats, available_seats=available)


def test_outcomes() -> None:
    books = Books({"a": EventState("a", 10, 10)})
    first = uuid4()
    sequence: list[Command] = [
        Reserve(event="a", partner="p", seats=4, actor="t", reservation_id=first),
        EditEvent(event="a", edits={"total_seats": 3}, actor="t"),
        EditEvent(event="a", edits={"total_seats": 4}, actor="t"),
        Reserve(event="a", partner="p", seats=1, actor="t"),
        Cancel(reservation_id=first, actor="t"),
        Cancel(reservation_id=first, actor="t"),
        Cancel(reservation_id=uuid4(), actor="t"),
        Reserve(event="b", partner="p", seats=1, actor="t"),
        EditEvent(event="b", edits={"total_seats": 1}, actor="t"),
        EditEvent(event="a", edits={"name": "x", "total_seats": 9}, actor="t"),
        EditEvent(event="a", edits={"name": "y", "total_seats": -1}, actor="t"),
        EditEvent(event="a", edits={}, actor="t"),
    ]
    decisions = [books.apply(command) for command in sequence]
    outcomes = [each.outcome if isinstance(each, Decision) else each for each in decisions]
    assert outcomes == [
        Reserved(first, 4),
        CapacityBelowSold(total_seats=3, taken_seats=4),
        Edited(total_seats=4, available_seats=0),
        NotEnoughSeats(requested=1, available_seats=0),
        Cancelled(first, 4),
        ReservationNotFound(),
        ReservationNotFound(),
        EventNotFound("b"),
        EventNotFound("b"),
        Edited(total_seats=9, available_seats=9),
        CapacityBelowSold(total_seats=-1, taken_seats=0),
        Edited(total_seats=9, available_seats=9),
    ]
    assert books.events["a"].details == {"name": "x"}
    assert books.entries["a"] == [
        Entry("confirmed", -4, "t", first),
        Entry("capacity", -6, "t"),
        Entry("cancelled", 4, "t", first),
        Entry("edited", 0, "t"),
        Entry("capacity", 5, "t"),
    ]
