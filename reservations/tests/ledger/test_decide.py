"""The rules, as pure functions: any sequence of commands keeps the books true."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from reservations.errors import (
    BookingAlreadyCancelled,
    BookingNotFound,
    CapacityBelowSold,
    EventNotFound,
    HoldExpired,
    InsufficientSeats,
    NotEnoughSeats,
    PartOfBooking,
    PreconditionFailed,
    Refusal,
    ReservationNotFound,
    Shortage,
    VersionConflict,
)
from reservations.ledger import (
    Book,
    Booked,
    BookedItem,
    BookingCancelled,
    BookingItem,
    Cancel,
    CancelBooking,
    Cancelled,
    Command,
    Confirm,
    Confirmed,
    Edited,
    EditEvent,
    Outcome,
    ReleaseHolds,
    Reserve,
    Reserved,
    steps,
)
from reservations.ledger.decide import decide
from reservations.ledger.state import (
    BookingState,
    Decision,
    Entry,
    EventState,
    ReservationState,
    State,
)

IDS = [UUID(int=number) for number in range(12)]
BOOKING_IDS = [UUID(int=number) for number in range(100, 106)]
NOW = datetime(2026, 11, 21, tzinfo=UTC)

events = st.sampled_from(["a", "b", "none"])
commands = st.one_of(
    st.builds(
        Reserve,
        event=events,
        partner=st.just("p"),
        seats=st.integers(1, 12),
        actor=st.just("t"),
        hold_seconds=st.none() | st.integers(5, 60),
        expected_version=st.none() | st.integers(0, 9),
        if_match=st.none() | st.frozensets(st.integers(0, 9)),
        reservation_id=st.uuids(),
    ),
    st.builds(Confirm, reservation_id=st.sampled_from(IDS), actor=st.just("t")),
    st.builds(Cancel, reservation_id=st.sampled_from(IDS), actor=st.just("t")),
    st.builds(
        Book,
        customer_email=st.just("a@b.example"),
        items=st.lists(
            st.builds(BookingItem, event=events, seats=st.integers(1, 3)),
            min_size=1,
            unique_by=lambda item: item.event,
        ).map(tuple),
        actor=st.just("t"),
        booking_id=st.uuids(),
    ),
    st.builds(CancelBooking, booking_id=st.sampled_from(BOOKING_IDS), actor=st.just("t")),
    st.builds(
        EditEvent,
        event=events,
        edits=st.fixed_dictionaries(
            {}, optional={"total_seats": st.integers(-1, 30), "name": st.just("A name")}
        ),
        actor=st.just("t"),
    ),
    st.builds(ReleaseHolds, event=events),
)


@dataclass
class Books:
    """What ``commit`` does with decisions, in memory."""

    events: dict[str, EventState]
    reservations: dict[UUID, ReservationState] = field(default_factory=dict)
    bookings: dict[UUID, BookingState] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)

    def apply(self, command: Command) -> Decision | Refusal:
        decision = decide(State(self.events, self.reservations, self.bookings, NOW), command)
        if isinstance(decision, Decision):
            for step in decision.steps:
                self.events[step.event.slug] = step.event
                self.entries.setdefault(step.event.slug, []).append(step.entry)
            for reservation in decision.reservations:
                self.reservations[reservation.id] = reservation
            if decision.booking:
                self.bookings[decision.booking.id] = decision.booking
        return decision

    def expire(self, slug: str) -> None:
        holds = [each for each in self.of(slug) if each.status == "held"]
        event = steps.expiry(self.events[slug], len(holds), sum(hold.seats for hold in holds))
        self.events[slug] = event
        self.expired[slug] = self.expired.get(slug, 0) + len(holds)
        for hold in holds:
            self.reservations[hold.id] = replace(hold, status="expired")

    def of(self, slug: str) -> list[ReservationState]:
        return [each for each in self.reservations.values() if each.event == slug]

    def seats(self, slug: str, status: str) -> list[int]:
        return [each.seats for each in self.of(slug) if each.status == status]


def named(drawn: Command, ids: Iterator[UUID], booking_ids: Iterator[UUID]) -> Command:
    """Give early reservations and bookings ids that other commands can name."""
    match drawn:
        case Reserve():
            return replace(drawn, reservation_id=next(ids, drawn.reservation_id))
        case Book():
            items = [replace(item, reservation_id=next(ids, uuid4())) for item in drawn.items]
            return replace(
                drawn, items=tuple(items), booking_id=next(booking_ids, drawn.booking_id)
            )
    return drawn


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.lists(commands | st.sampled_from(["a", "b"]), max_size=60),
)
def test_any_sequence_keeps_the_books(a: int, b: int, sequence: list[Command | str]) -> None:
    books = Books({"a": EventState("a", a, a), "b": EventState("b", b, b)})
    ids, booking_ids = iter(IDS), iter(BOOKING_IDS)
    for drawn in sequence:
        if isinstance(drawn, str):
            books.expire(drawn)
            continue
        before = (dict(books.events), dict(books.reservations), dict(books.bookings))
        if isinstance(books.apply(named(drawn, ids, booking_ids)), Refusal):
            assert (books.events, books.reservations, books.bookings) == before
        for slug, event in books.events.items():
            sold, held = books.seats(slug, "confirmed"), books.seats(slug, "held")
            assert event.available_seats >= 0
            assert event.held_seats == sum(held)
            assert event.available_seats + sum(held) + sum(sold) == event.total_seats
            assert event.reservation_count == len(sold)
            assert event.version == len(books.entries.get(slug, [])) + books.expired.get(slug, 0)
        for booking in books.bookings.values():
            items = [books.reservations[item] for item in booking.items]
            assert {item.status for item in items} == {booking.status}


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


def outcomes_of(books: Books, commands: Iterable[Command]) -> list[Outcome | Refusal]:
    decisions = [books.apply(command) for command in commands]
    return [each.outcome if isinstance(each, Decision) else each for each in decisions]


def test_sales_cancels_and_edits() -> None:
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
    assert outcomes_of(books, sequence) == [
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


def hold(event: str, seats: int, reservation_id: UUID) -> Reserve:
    return Reserve(
        event=event,
        partner="p",
        seats=seats,
        actor="t",
        hold_seconds=60,
        reservation_id=reservation_id,
    )


def test_holds() -> None:
    books = Books({"a": EventState("a", 10, 10)})
    kept, lapsed, dropped = IDS[:3]
    minute = NOW + timedelta(seconds=60)
    assert outcomes_of(
        books,
        [
            hold("a", 4, kept),
            hold("a", 3, lapsed),
            hold("a", 2, dropped),
            hold("a", 2, IDS[3]),
            Confirm(reservation_id=kept, actor="t"),
            Confirm(reservation_id=kept, actor="t"),
            Cancel(reservation_id=dropped, actor="t"),
            Confirm(reservation_id=dropped, actor="t"),
            EditEvent(event="a", edits={"total_seats": 6}, actor="t"),
        ],
    ) == [
        Reserved(kept, 4, "held", minute),
        Reserved(lapsed, 3, "held", minute),
        Reserved(dropped, 2, "held", minute),
        NotEnoughSeats(requested=2, available_seats=1),
        Confirmed(kept, "a", "p", 4, NOW),
        Confirmed(kept, "a", "p", 4, NOW),
        Cancelled(dropped, 2),
        ReservationNotFound(),
        CapacityBelowSold(total_seats=6, taken_seats=7),
    ]
    assert books.events["a"] == EventState("a", 10, 3, held_seats=3, reservation_count=1, version=5)
    books.expire("a")
    assert outcomes_of(
        books,
        [Confirm(reservation_id=lapsed, actor="t"), Cancel(reservation_id=lapsed, actor="t")],
    ) == [HoldExpired(), ReservationNotFound()]
    assert books.events["a"] == EventState("a", 10, 6, reservation_count=1, version=6)
    assert books.entries["a"] == [
        Entry("held", -4, "t", kept),
        Entry("held", -3, "t", lapsed),
        Entry("held", -2, "t", dropped),
        Entry("hold_confirmed", 0, "t", kept),
        Entry("cancelled", 2, "t", dropped),
    ]


def test_bookings() -> None:
    books = Books({slug: EventState(slug, 5, 5, name=slug.upper()) for slug in ("a", "b", "c")})
    booking = uuid4()

    def book(*items: tuple[str, int], booking_id: UUID | None = None) -> Book:
        return Book(
            customer_email="a@b.example",
            items=tuple(BookingItem(event=event, seats=seats) for event, seats in items),
            actor="t",
            booking_id=booking_id or uuid4(),
        )

    items = (BookedItem("b", "B", 3), BookedItem("a", "A", 4))
    [made] = outcomes_of(books, [book(("b", 3), ("a", 4), booking_id=booking)])
    assert made == Booked(booking, "a@b.example", NOW, items)
    item = books.bookings[booking].items[0]
    assert outcomes_of(
        books,
        [
            book(("c", 1), ("none", 9), ("b", 3), ("nope", 1)),
            book(("c", 1), ("b", 3), ("a", 2)),
            Cancel(reservation_id=item, actor="t"),
            Confirm(reservation_id=item, actor="t"),
            CancelBooking(booking_id=booking, actor="t"),
            CancelBooking(booking_id=booking, actor="t"),
            CancelBooking(booking_id=uuid4(), actor="t"),
        ],
    ) == [
        EventNotFound("none"),
        InsufficientSeats((Shortage("b", 3, 2), Shortage("a", 2, 1))),
        PartOfBooking(booking),
        PartOfBooking(booking),
        BookingCancelled(booking, "a@b.example", NOW, items),
        BookingAlreadyCancelled(),
        BookingNotFound(),
    ]
    assert {event.available_seats for event in books.events.values()} == {5}
    assert [event.version for event in books.events.values()] == [2, 2, 0]


def test_conditions_come_before_seats_and_after_the_event() -> None:
    event = EventState("a", 10, 0, version=7)

    def attempt(slug: str, expected: int | None, if_match: set[int] | None) -> object:
        command = Reserve(
            event=slug,
            partner="p",
            seats=1,
            actor="t",
            expected_version=expected,
            if_match=None if if_match is None else frozenset(if_match),
        )
        return decide(State({"a": event}, {}), command)

    assert attempt("b", 6, set()) == EventNotFound("b")
    assert attempt("a", 6, set()) == PreconditionFailed(7)
    assert attempt("a", 6, {6, 7}) == VersionConflict(7)
    assert attempt("a", 7, {7}) == NotEnoughSeats(1, 0)
    assert attempt("a", None, None) == NotEnoughSeats(1, 0)
