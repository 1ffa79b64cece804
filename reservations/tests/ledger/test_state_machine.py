"""Random sequences of commands on a real database, compared with an in-memory model."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from reservations.errors import (
    BookingAlreadyCancelled,
    BookingNotFound,
    CapacityBelowSold,
    ClosesBeforeOpening,
    HoldExpired,
    InsufficientSeats,
    NotEnoughSeats,
    NotOnSale,
    PartOfBooking,
    Refusal,
    ReservationNotFound,
    SalesClosed,
    SalesPaused,
    VersionConflict,
)
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import submit_batch
from reservations.ledger.commands import (
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
from reservations.ledger.outcomes import Edited, Opened, Outcome, Paused, Reserved
from reservations.models import Booking, Event, Reservation
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.factories import EventFactory, booking_of, expire_hold, reservation_of

EVENTS = 2
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
events = st.integers(0, EVENTS - 1)
times = st.sampled_from([None, PAST, FUTURE])
edits = st.fixed_dictionaries(
    {},
    optional={
        "total_seats": st.integers(0, 20),
        "name": st.sampled_from(["An event", "Another"]),
        "sales_paused": st.booleans(),
        "sales_open_at": times,
        "sales_close_at": times,
    },
)


def run(command: Command) -> Outcome | Refusal:
    [outcome] = submit_batch([command])
    return outcome


@dataclass
class ExpectedEvent:
    """The expected state of an event."""

    row: Event
    total_seats: int = 10
    name: str = "An event"
    version: int = 0
    sales_paused: bool = False
    sales_open_at: datetime | None = None
    sales_close_at: datetime | None = None

    def refuse_sale(self) -> Refusal | None:
        if self.sales_paused:
            return SalesPaused(self.row.slug)
        if self.sales_open_at == FUTURE or self.sales_close_at == PAST:
            return NotOnSale(self.row.slug, self.sales_open_at, self.sales_close_at)
        return None


@dataclass
class ExpectedReservation:
    """The expected state of a reservation."""

    event: int
    seats: int
    status: str
    booking: UUID | None = None
    expired: bool = False
    """Whether the hold has expired but is not released yet."""


@dataclass
class LedgerModel:
    """A simple in-memory model of the ledger's rules."""

    events: list[ExpectedEvent]
    sold: dict[UUID, ExpectedReservation] = field(default_factory=dict)
    bookings: dict[UUID, str] = field(default_factory=dict)

    def seats(self, event: int, status: str) -> int:
        return sum(s.seats for s in self.sold.values() if (s.event, s.status) == (event, status))

    def available(self, event: int) -> int:
        taken = self.seats(event, "held") + self.seats(event, "confirmed")
        return self.events[event].total_seats - taken

    def release_expired(self, event: int) -> None:
        """Release expired holds, as every command does first."""
        for each in self.sold.values():
            if each.event == event and each.expired and each.status == "held":
                self.change(each, "expired")

    def change(self, sold: ExpectedReservation, status: str) -> None:
        sold.status = status
        self.events[sold.event].version += 1

    def sell(self, reservation_id: UUID, sold: ExpectedReservation) -> None:
        self.sold[reservation_id] = sold
        self.events[sold.event].version += 1


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = LedgerModel([ExpectedEvent(EventFactory.create()) for _ in range(EVENTS)])
        self.keyed: list[tuple[Reserve, Outcome | Refusal]] = []

    def reservation(self, data: st.DataObject) -> UUID:
        return data.draw(st.sampled_from([*self.model.sold, uuid4()]))

    @rule(
        event=events,
        seats=st.integers(1, 6),
        hold=st.booleans(),
        key=st.booleans(),
        stale=st.integers(0, 3),
    )
    def reserve(self, event: int, seats: int, hold: bool, key: bool, stale: int) -> None:
        model, expected = self.model, self.model.events[event]
        model.release_expired(event)
        command = reservation_of(
            expected.row,
            seats,
            hold_seconds=60 if hold else None,
            expected_version=expected.version - (stale == 0),
            idempotency_key=IdempotencyKey(scope="s", key=str(uuid4()), fingerprint="f")
            if key
            else None,
        )
        outcome = run(command)
        if stale == 0:
            assert outcome == VersionConflict(expected.version)
        elif refusal := expected.refuse_sale():
            assert outcome == refusal
        elif seats > model.available(event):
            assert outcome == NotEnoughSeats(seats, model.available(event))
        else:
            status = "held" if hold else "confirmed"
            assert not isinstance(outcome, Refusal)
            model.sell(command.reservation_id, ExpectedReservation(event, seats, status))
        if key and isinstance(outcome, Reserved | NotEnoughSeats):
            self.keyed.append((command, outcome))

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.keyed:
            command, outcome = data.draw(st.sampled_from(self.keyed))
            again = run(replace(command, reservation_id=uuid4()))
            assert again == outcome
            assert getattr(again, "replayed", False)

    @rule(data=st.data())
    def expire_holds(self, data: st.DataObject) -> None:
        held = [pk for pk, sold in self.model.sold.items() if sold.status == "held"]
        for pk in held[: data.draw(st.integers(0, len(held)))]:
            expire_hold(pk)
            self.model.sold[pk].expired = True

    @rule(event=events)
    def release(self, event: int) -> None:
        run(ReleaseHolds(event=self.model.events[event].row.slug))
        self.model.release_expired(event)

    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        chosen = self.reservation(data)
        outcome = run(Confirm(reservation_id=chosen, actor="test"))
        self.check_and_apply(chosen, outcome, {"expired": HoldExpired}, new_status="confirmed")

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        chosen = self.reservation(data)
        outcome = run(Cancel(reservation_id=chosen, actor="test"))
        self.check_and_apply(
            chosen, outcome, {"expired": ReservationNotFound}, new_status="cancelled"
        )

    def check_and_apply(
        self,
        chosen: UUID,
        outcome: Outcome | Refusal,
        refusals: dict[str, Callable[[], Refusal]],
        *,
        new_status: str,
    ) -> None:
        """Check the outcome of a command about one reservation, and apply it to the model."""
        sold = self.model.sold.get(chosen)
        if sold:
            self.model.release_expired(sold.event)
        if sold is None or sold.status == "cancelled":
            assert outcome == ReservationNotFound()
        elif sold.booking:
            assert outcome == PartOfBooking(sold.booking)
        elif sold.status in refusals:
            assert outcome == refusals[sold.status]()
        else:
            assert not isinstance(outcome, Refusal)
            if sold.status != new_status:
                self.model.change(sold, new_status)

    @rule(quantities=st.permutations([1, 3]), first=events)
    def book(self, quantities: list[int], first: int) -> None:
        model = self.model
        requested = list(zip([first, 1 - first], quantities, strict=True))
        for event, _ in requested:
            model.release_expired(event)
        command = booking_of(*((model.events[event].row, seats) for event, seats in requested))
        outcome = run(command)
        for event, _ in requested:
            if refusal := model.events[event].refuse_sale():
                assert outcome == refusal
                return
        short = [event for event, seats in requested if seats > model.available(event)]
        if short:
            assert isinstance(outcome, InsufficientSeats)
            slugs = [model.events[event].row.slug for event in short]
            assert [each.event for each in outcome.shortages] == slugs
            return
        model.bookings[command.booking_id] = "confirmed"
        for item, (event, seats) in zip(command.items, requested, strict=True):
            model.sell(
                item.reservation_id,
                ExpectedReservation(event, seats, "confirmed", command.booking_id),
            )

    @rule(data=st.data())
    def cancel_booking(self, data: st.DataObject) -> None:
        model = self.model
        chosen = data.draw(st.sampled_from([*model.bookings, uuid4()]))
        outcome = run(CancelBooking(booking_id=chosen, actor="test"))
        if chosen not in model.bookings:
            assert outcome == BookingNotFound()
            return
        for event in range(EVENTS):
            model.release_expired(event)
        if model.bookings[chosen] == "cancelled":
            assert outcome == BookingAlreadyCancelled()
            return
        model.bookings[chosen] = "cancelled"
        for sold in model.sold.values():
            if sold.booking == chosen:
                model.change(sold, "cancelled")

    @rule(event=events, edits=edits)
    def edit(self, event: int, edits: dict[str, Any]) -> None:
        model, expected = self.model, self.model.events[event]
        model.release_expired(event)
        command = EditEvent(event=expected.row.slug, edits=cast("Edits", edits), actor="test")
        outcome = run(command)
        taken = expected.total_seats - model.available(event)
        total = edits.get("total_seats", expected.total_seats)
        if total < taken:
            assert outcome == CapacityBelowSold(total, taken)
            return
        edited = replace(expected, **edits)
        if (
            edited.sales_open_at
            and edited.sales_close_at
            and (edited.sales_close_at <= edited.sales_open_at)
        ):
            assert outcome == ClosesBeforeOpening()
            return
        assert outcome == Edited(total, total - taken)
        changed = {name for name, value in edits.items() if value != getattr(expected, name)}
        kinds = [changed & {name} for name in ("total_seats", "sales_paused")]
        details = changed - {"total_seats", "sales_paused"}
        edited.version += sum(map(bool, (*kinds, details)))
        model.events[event] = edited

    @rule(event=events)
    def pause(self, event: int) -> None:
        model, expected = self.model, self.model.events[event]
        model.release_expired(event)
        outcome = run(PauseSales(event=expected.row.slug, actor="test"))
        assert outcome == Paused(changed=not expected.sales_paused)
        expected.version += not expected.sales_paused
        expected.sales_paused = True

    @rule(event=events)
    def open(self, event: int) -> None:
        model, expected = self.model, self.model.events[event]
        model.release_expired(event)
        outcome = run(OpenSales(event=expected.row.slug, actor="test"))
        if expected.sales_close_at == PAST:
            assert outcome == SalesClosed(expected.row.slug)
            return
        closed = expected.refuse_sale() is not None
        assert outcome == Opened(changed=closed)
        expected.version += closed
        expected.sales_paused = False
        if expected.sales_open_at == FUTURE:
            opened_at = Event.objects.get(pk=expected.row.pk).sales_open_at
            assert opened_at
            assert PAST < opened_at < FUTURE
            expected.sales_open_at = opened_at

    @invariant()
    def the_counters_follow_the_model(self) -> None:
        columns = (
            "name",
            "total_seats",
            "available_seats",
            "held_seats",
            "version",
            "sales_paused",
            "sales_open_at",
            "sales_close_at",
        )
        for number, expected in enumerate(self.model.events):
            assert Event.objects.values_list(*columns).get(pk=expected.row.pk) == (
                expected.name,
                expected.total_seats,
                self.model.available(number),
                self.model.seats(number, "held"),
                expected.version,
                expected.sales_paused,
                expected.sales_open_at,
                expected.sales_close_at,
            )

    def teardown(self) -> None:
        for number, expected in enumerate(self.model.events):
            sold = [s for s in self.model.sold.values() if s.event == number]
            assert_inventory(
                expected.row,
                available=self.model.available(number),
                version=expected.version,
                reservations=sum(s.status == "confirmed" for s in sold),
                held=self.model.seats(number, "held"),
            )
        assert_no_drift()
        rows = [each.row for each in self.model.events]
        stored = Reservation.objects.filter(event__in=rows).values_list("pk", "seats", "status")
        assert {pk: (seats, status) for pk, seats, status in stored} == {
            pk: (sold.seats, sold.status) for pk, sold in self.model.sold.items()
        }
        stored_bookings = Booking.objects.filter(pk__in=self.model.bookings)
        assert dict(stored_bookings.values_list("pk", "status")) == self.model.bookings


@pytest.mark.django_db(transaction=True)
def test_any_sequence_of_commands_matches_the_model() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            suppress_health_check=list(HealthCheck),
        ),
    )
