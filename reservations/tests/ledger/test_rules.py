"""The rules as pure functions: counters, history and reservations agree after any sequence."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reservations.errors import (
    BookingAlreadyCancelled,
    BookingNotFound,
    CapacityBelowSold,
    ClosesBeforeOpening,
    EventNotFound,
    HoldExpired,
    InsufficientSeats,
    NotEnoughSeats,
    NotOnSale,
    PartOfBooking,
    PreconditionFailed,
    Refusal,
    ReservationNotFound,
    SalesClosed,
    SalesPaused,
    Shortage,
    VersionConflict,
)
from reservations.ledger.commands import (
    Book,
    BookingItem,
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    Edits,
    OpenSales,
    PauseSales,
    ReleaseHolds,
    Reserve,
)
from reservations.ledger.outcomes import (
    Booked,
    BookedItem,
    BookingCancelled,
    Cancelled,
    Confirmed,
    Edited,
    HoldsReleased,
    Opened,
    Outcome,
    Paused,
    Reserved,
)
from reservations.ledger.rules import decide
from reservations.ledger.state import Decision, EventRow, ReservationRow, State

IDS = [UUID(int=number) for number in range(12)]
BOOKING_IDS = [UUID(int=number) for number in range(100, 106)]
NOW = datetime(2026, 11, 21, tzinfo=UTC)

events = st.sampled_from(["a", "b", "none"])
times = st.sampled_from([None, *(NOW + timedelta(hours=hours) for hours in (-1, 0, 1))])
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
            {},
            optional={
                "total_seats": st.integers(-1, 30),
                "name": st.just("A name"),
                "sales_paused": st.booleans(),
                "sales_open_at": times,
                "sales_close_at": times,
            },
        ),
        actor=st.just("t"),
    ),
    st.builds(PauseSales, event=events, actor=st.just("t")),
    st.builds(OpenSales, event=events, actor=st.just("t")),
    st.builds(ReleaseHolds, event=events),
)


def state_with(*seats: int) -> State:
    """Return a state with events "a", "b", "c" ..., each with the given number of seats."""
    return State(
        [
            EventRow(slug, total, total, name=slug.upper(), id=number)
            for number, (slug, total) in enumerate(zip("abc", seats, strict=False))
        ],
        NOW,
    )


def run(state: State, command: Command) -> Outcome | Refusal:
    """Decide a command and apply it to ``state``, as ``execute_batch`` does."""
    decision = decide(state, command)
    if isinstance(decision, Refusal):
        return decision
    state.evolve(decision)
    return decision.outcome


def expire_holds(state: State, slug: str) -> None:
    """Expire all holds of an event."""
    for each in find_reservations(state, slug, "held"):
        state.evolve(
            Decision(HoldsReleased(), "expiry", (structs.replace(each, status="expired"),))
        )


def get_event(state: State, slug: str) -> EventRow:
    event = state.event(slug)
    assert event
    return event


def find_reservations(state: State, slug: str, status: str) -> list[ReservationRow]:
    pk = get_event(state, slug).id
    return [r for r in state.reservations.values() if (r.event_id, r.status) == (pk, status)]


def history(state: State, slug: str) -> list[tuple[Any, ...]]:
    """Return an event's changes; check that their versions and seats lead to its counters."""
    event = get_event(state, slug)
    entries = [entry for entry in state.changes if entry.event_id == event.id]
    assert [entry.version for entry in entries] == list(range(1, event.version + 1))
    assert {entry.at for entry in entries} <= {NOW}
    available = [entry.available_seats for entry in entries]
    steps = [after - before for before, after in pairwise(available)]
    assert steps == [entry.seats for entry in entries[1:]]
    assert available[-1:] in ([], [event.available_seats])
    return [(each.kind, each.seats, each.actor, each.reservation_id) for each in entries]


def with_known_ids(drawn: Command, ids: Iterator[UUID], booking_ids: Iterator[UUID]) -> Command:
    """Give the first reservations and bookings the ids that other drawn commands refer to."""
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
def test_counters_agree_after_any_sequence_of_commands(
    a: int, b: int, sequence: list[Command | str]
) -> None:
    state = state_with(a, b)
    ids, booking_ids = iter(IDS), iter(BOOKING_IDS)
    for drawn in sequence:
        if isinstance(drawn, str):
            expire_holds(state, drawn)
            continue
        before = (dict(state.events), dict(state.reservations), dict(state.bookings))
        if isinstance(run(state, with_known_ids(drawn, ids, booking_ids)), Refusal):
            assert (state.events, state.reservations, state.bookings) == before
        for slug in ("a", "b"):
            event = get_event(state, slug)
            sold = find_reservations(state, slug, "confirmed")
            held = find_reservations(state, slug, "held")
            assert event.available_seats >= 0
            assert event.held_seats == sum(each.seats for each in held)
            assert event.total_seats - event.available_seats - event.held_seats == sum(
                each.seats for each in sold
            )
            assert event.reservation_count == len(sold)
            opens, closes = event.sales_open_at, event.sales_close_at
            assert not opens or not closes or opens < closes
            history(state, slug)
        for booking in state.bookings.values():
            items = [state.reservations[item] for item in booking.items]
            assert {item.status for item in items} == {booking.status}


@given(st.integers(0, 20), st.integers(1, 12))
def test_reserve_is_refused_only_if_too_few_seats_are_left(available: int, seats: int) -> None:
    state = State([EventRow("a", 20, available)], NOW)
    outcome = run(state, Reserve(event="a", partner="p", seats=seats, actor="t"))
    if seats <= available:
        assert isinstance(outcome, Reserved)
        assert get_event(state, "a").available_seats == available - seats
    else:
        assert outcome == NotEnoughSeats(requested=seats, available_seats=available)


def outcomes_of(state: State, commands: Iterable[Command]) -> list[Outcome | Refusal]:
    return [run(state, command) for command in commands]


def test_reserve_cancel_and_edit_change_the_counters() -> None:
    state = state_with(10)
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
        EditEvent(event="a", edits={"name": "x", "total_seats": 9}, actor="t"),
    ]
    assert outcomes_of(state, sequence) == [
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
        Edited(total_seats=9, available_seats=9),
    ]
    assert get_event(state, "a") == EventRow("a", 9, 9, version=5, name="x")
    assert history(state, "a") == [
        ("confirmed", -4, "t", first),
        ("capacity", -6, "t", None),
        ("cancelled", 4, "t", first),
        ("edited", 0, "t", None),
        ("capacity", 5, "t", None),
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


def test_holds_are_confirmed_cancelled_or_expire() -> None:
    state = state_with(10)
    kept, expired, cancelled = IDS[:3]
    expiry = NOW + timedelta(seconds=60)
    assert outcomes_of(
        state,
        [
            hold("a", 4, kept),
            hold("a", 3, expired),
            hold("a", 2, cancelled),
            hold("a", 2, IDS[3]),
            Confirm(reservation_id=kept, actor="t"),
            Confirm(reservation_id=kept, actor="t"),
            Cancel(reservation_id=cancelled, actor="t"),
            Confirm(reservation_id=cancelled, actor="t"),
            EditEvent(event="a", edits={"total_seats": 6}, actor="t"),
        ],
    ) == [
        Reserved(kept, 4, "held", expiry),
        Reserved(expired, 3, "held", expiry),
        Reserved(cancelled, 2, "held", expiry),
        NotEnoughSeats(requested=2, available_seats=1),
        Confirmed(kept, "a", "p", 4, NOW),
        Confirmed(kept, "a", "p", 4, NOW),
        Cancelled(cancelled, 2),
        ReservationNotFound(),
        CapacityBelowSold(total_seats=6, taken_seats=7),
    ]
    assert get_event(state, "a") == EventRow("a", 10, 3, 3, 1, version=5, name="A")
    expire_holds(state, "a")
    assert outcomes_of(
        state,
        [Confirm(reservation_id=expired, actor="t"), Cancel(reservation_id=expired, actor="t")],
    ) == [HoldExpired(), ReservationNotFound()]
    assert get_event(state, "a") == EventRow("a", 10, 6, 0, 1, version=6, name="A")
    assert history(state, "a") == [
        ("held", -4, "t", kept),
        ("held", -3, "t", expired),
        ("held", -2, "t", cancelled),
        ("hold_confirmed", 0, "t", kept),
        ("cancelled", 2, "t", cancelled),
        ("expired", 3, "expiry", expired),
    ]


def test_bookings_are_all_or_nothing_and_cancelled_once() -> None:
    state = state_with(5, 5, 5)
    booking = uuid4()

    def book(*items: tuple[str, int], booking_id: UUID | None = None) -> Book:
        return Book(
            customer_email="a@b.example",
            items=tuple(BookingItem(event=event, seats=seats) for event, seats in items),
            actor="t",
            booking_id=booking_id or uuid4(),
        )

    items = (BookedItem("b", "B", 3), BookedItem("a", "A", 4))
    [made] = outcomes_of(state, [book(("b", 3), ("a", 4), booking_id=booking)])
    assert made == Booked(booking, "a@b.example", NOW, items)
    item = state.bookings[booking].items[0]
    assert outcomes_of(
        state,
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
    assert {event.available_seats for event in state.events.values()} == {5}
    assert [event.version for event in state.events.values()] == [2, 2, 0]


HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def attempts_to_sell(event: EventRow) -> list[object]:
    """Return the results of selling, holding and booking seats of an event, each on its own."""
    sale = Reserve(event="a", partner="p", seats=1, actor="t")
    items = (BookingItem(event="a", seats=1),)
    booking = Book(customer_email="a@b.example", items=items, actor="t")
    return [
        decide(State([event], NOW), command)
        for command in (sale, replace(sale, hold_seconds=5), booking)
    ]


def test_paused_event_sells_and_holds_nothing() -> None:
    assert attempts_to_sell(EventRow("a", 9, 9, sales_paused=True)) == [SalesPaused("a")] * 3


def test_event_is_on_sale_from_its_opening_until_its_closing() -> None:
    for opens, closes, on_sale in (
        (NOW, None, True),
        (NOW - SECOND, NOW + SECOND, True),
        (NOW, NOW + SECOND, True),
        (NOW + SECOND, None, False),
        (NOW + SECOND, NOW + HOUR, False),
        (None, NOW, False),
        (NOW - HOUR, NOW, False),
        (None, NOW + SECOND, True),
    ):
        event = EventRow("a", 9, 9, sales_open_at=opens, sales_close_at=closes)
        results = attempts_to_sell(event)
        if on_sale:
            assert {type(result) for result in results} == {Decision}
        else:
            assert results == [NotOnSale("a", opens, closes)] * 3


def test_first_item_that_is_not_on_sale_is_named() -> None:
    state = State(
        [
            EventRow("a", 5, 5, id=1),
            EventRow("b", 5, 5, sales_open_at=NOW + HOUR, id=2),
            EventRow("c", 5, 5, sales_paused=True, id=3),
        ],
        NOW,
    )

    def book(*events: str) -> object:
        items = tuple(BookingItem(event=event, seats=9) for event in events)
        return decide(state, Book(customer_email="a@b.example", items=items, actor="t"))

    assert book("a", "c", "b") == SalesPaused("c")
    assert book("a", "b", "c") == NotOnSale("b", NOW + HOUR, None)
    assert book("c", "b", "none") == EventNotFound("none")


def test_holds_can_be_confirmed_and_sales_cancelled_while_paused() -> None:
    state = state_with(10)
    held, sold, booking = IDS[0], IDS[1], BOOKING_IDS[0]
    items = (BookingItem(event="a", seats=1),)
    sequence: list[Command] = [
        hold("a", 2, held),
        Reserve(event="a", partner="p", seats=3, actor="t", reservation_id=sold),
        Book(customer_email="a@b.example", items=items, actor="t", booking_id=booking),
        PauseSales(event="a", actor="t"),
        Confirm(reservation_id=held, actor="t"),
        Cancel(reservation_id=sold, actor="t"),
        CancelBooking(booking_id=booking, actor="t"),
        Reserve(event="a", partner="p", seats=1, actor="t"),
    ]
    assert [type(outcome) for outcome in outcomes_of(state, sequence)][3:] == [
        Paused,
        Confirmed,
        Cancelled,
        BookingCancelled,
        SalesPaused,
    ]
    assert get_event(state, "a").available_seats == 8


def test_pausing_and_opening_twice_makes_no_version() -> None:
    state = state_with(10)
    pause, open_ = PauseSales(event="a", actor="t"), OpenSales(event="a", actor="t")
    assert outcomes_of(state, [open_, pause, pause, open_, open_]) == [
        Opened(changed=False),
        Paused(changed=True),
        Paused(changed=False),
        Opened(changed=True),
        Opened(changed=False),
    ]
    assert history(state, "a") == [("paused", 0, "t", None), ("opened", 0, "t", None)]
    assert run(state, PauseSales(event="b", actor="t")) == EventNotFound("b")
    assert run(state, OpenSales(event="b", actor="t")) == EventNotFound("b")


def opened(**values: Any) -> tuple[Outcome | Refusal, EventRow]:
    """Open the sales of an event with these values; return the result and the event."""
    state = State([EventRow("a", 9, 9, **values)], NOW)
    return run(state, OpenSales(event="a", actor="t")), get_event(state, "a")


def test_opening_moves_an_opening_time_in_the_future_to_now() -> None:
    outcome, event = opened(sales_open_at=NOW + HOUR, sales_close_at=NOW + 2 * HOUR)
    assert (outcome, event.version) == (Opened(changed=True), 1)
    assert (event.sales_open_at, event.sales_close_at) == (NOW, NOW + 2 * HOUR)
    outcome, event = opened(sales_paused=True, sales_open_at=NOW - HOUR)
    assert (outcome, event.sales_paused, event.version) == (Opened(changed=True), False, 1)
    assert event.sales_open_at == NOW - HOUR
    outcome, event = opened(sales_open_at=NOW, sales_close_at=NOW + SECOND)
    assert (outcome, event.version) == (Opened(changed=False), 0)


def test_opening_after_the_closing_time_is_refused() -> None:
    for paused in (False, True):
        outcome, event = opened(sales_paused=paused, sales_close_at=NOW)
        assert (outcome, event.version) == (SalesClosed("a"), 0)


def test_edit_of_sales_is_all_or_nothing() -> None:
    state = state_with(10)

    def edit(**edits: Any) -> Outcome | Refusal:
        return run(state, EditEvent(event="a", edits=cast("Edits", edits), actor="t"))

    assert edit(sales_open_at=NOW, sales_close_at=NOW, name="x") == ClosesBeforeOpening()
    assert edit(sales_paused=True, total_seats=-1) == CapacityBelowSold(-1, 0)
    assert get_event(state, "a").version == 0
    outcome = edit(name="x", sales_paused=True, total_seats=9, sales_close_at=NOW)
    assert outcome == Edited(9, 9)
    assert edit(sales_open_at=NOW) == ClosesBeforeOpening()
    assert edit(sales_open_at=NOW - HOUR, sales_paused=True) == Edited(9, 9)
    assert edit(sales_close_at=NOW - HOUR) == ClosesBeforeOpening()
    assert edit(sales_paused=False) == Edited(9, 9)
    assert [kind for kind, *_ in history(state, "a")] == [
        "edited",
        "capacity",
        "paused",
        "edited",
        "opened",
    ]
    assert get_event(state, "a") == EventRow(
        "a", 9, 9, version=5, name="x", sales_open_at=NOW - HOUR, sales_close_at=NOW
    )


def test_sales_are_checked_after_versions_and_before_seats() -> None:
    closed = EventRow("a", 10, 0, version=7, sales_close_at=NOW)
    paused = structs.replace(closed, sales_paused=True)

    def attempt(event: EventRow, **conditions: Any) -> object:
        command = Reserve(event="a", partner="p", seats=1, actor="t", **conditions)
        return decide(State([event], NOW), command)

    assert attempt(paused, if_match=frozenset()) == PreconditionFailed(7)
    assert attempt(paused, expected_version=6) == VersionConflict(7)
    assert attempt(paused, expected_version=7) == SalesPaused("a")
    assert attempt(closed, if_match=frozenset({7})) == NotOnSale("a", None, NOW)


def test_event_is_checked_first_then_versions_then_seats() -> None:
    event = EventRow("a", 10, 0, version=7)

    def attempt(slug: str, expected: int | None, if_match: set[int] | None) -> object:
        command = Reserve(
            event=slug,
            partner="p",
            seats=1,
            actor="t",
            expected_version=expected,
            if_match=None if if_match is None else frozenset(if_match),
        )
        return decide(State([event], NOW), command)

    assert attempt("b", 6, set()) == EventNotFound("b")
    assert attempt("a", 6, set()) == PreconditionFailed(7)
    assert attempt("a", 6, {6, 7}) == VersionConflict(7)
    assert attempt("a", 7, {7}) == NotEnoughSeats(1, 0)
    assert attempt("a", None, None) == NotEnoughSeats(1, 0)
