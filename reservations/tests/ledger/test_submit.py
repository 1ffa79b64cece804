"""A batch in one transaction has the same outcomes as its commands in separate transactions."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reservations.errors import Refusal
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import submit_batch
from reservations.ledger.commands import (
    Book,
    BookingItem,
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    OpenSales,
    PauseSales,
    ReleaseHolds,
)
from reservations.ledger.outcomes import Outcome
from reservations.models import Event
from reservations.tests.factories import EventFactory, expire_hold, hold, reservation_of

MAX_COMMANDS = 8
events = st.integers(0, 1)
others = st.integers(0, 3)
seats = st.integers(1, 6)
keys = st.none() | st.integers(0, 1)

# Descriptions of commands. Events, and other commands of the plan, are referred to by number.
plans = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), keys, events, seats, st.booleans()),
        st.tuples(st.just("confirm"), keys, others),
        st.tuples(st.just("cancel"), st.none(), others),
        st.tuples(st.just("book"), keys, events, seats, seats),
        st.tuples(st.just("cancel booking"), keys, others),
        st.tuples(
            st.just("staff"),
            st.none(),
            events,
            st.integers(0, 15) | st.sampled_from([PauseSales, OpenSales]),
        ),
    ),
    min_size=2,
    max_size=MAX_COMMANDS,
)


@dataclass
class Scenario:
    """Two events, one with an expired hold, and ids for the rows that the commands create."""

    events: list[Event] = field(default_factory=lambda: EventFactory.create_batch(2))
    ids: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(MAX_COMMANDS)])
    scope: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        expire_hold(hold(self.events[0], seats=3))

    def commands(self, plan: list[Any]) -> list[Command]:
        return [self._command(own, *each) for own, each in zip(self.ids, plan, strict=False)]

    def _command(self, own: UUID, kind: str, key: int | None, *rest: Any) -> Command:
        fingerprint = repr((kind, rest))
        idempotency_key = (
            None
            if key is None
            else IdempotencyKey(scope=self.scope, key=str(key), fingerprint=fingerprint)
        )
        match kind, *rest:
            case "reserve", event, number, held:
                return reservation_of(
                    self.events[event],
                    number,
                    hold_seconds=60 if held else None,
                    idempotency_key=idempotency_key,
                    reservation_id=own,
                )
            case "confirm", other:
                return Confirm(
                    reservation_id=self.ids[other], actor="t", idempotency_key=idempotency_key
                )
            case "cancel", other:
                return Cancel(reservation_id=self.ids[other], actor="t")
            case "book", first, *numbers:
                items = [
                    BookingItem(event=self.events[event].slug, seats=number)
                    for event, number in zip((first, 1 - first), numbers, strict=True)
                ]
                return Book(
                    customer_email="a@b.example",
                    items=tuple(items),
                    actor="t",
                    idempotency_key=idempotency_key,
                    booking_id=own,
                )
            case "cancel booking", other:
                return CancelBooking(
                    booking_id=self.ids[other], actor="t", idempotency_key=idempotency_key
                )
        return self._staff_command(*rest)

    def _staff_command(self, event: int, change: Any) -> Command:
        slug = self.events[event].slug
        if isinstance(change, int):
            return EditEvent(event=slug, edits={"total_seats": change}, actor="t")
        return cast("Command", change(event=slug, actor="t"))

    def counters(self) -> list[tuple[Any, ...]]:
        # First release all expired holds. A batch may release some that single commands do not: it
        # also locks the event of a command that repeats an earlier one of the same batch.
        submit_batch([ReleaseHolds(event=event.slug) for event in self.events])
        columns = (
            "total_seats",
            "available_seats",
            "held_seats",
            "reservation_count",
            "version",
            "sales_paused",
        )
        rows = Event.objects.filter(pk__in=[event.pk for event in self.events]).order_by("pk")
        return list(rows.values_list(*columns))


def outline(outcome: Outcome | Refusal) -> tuple[Any, ...]:
    """Return the parts of an outcome that two scenarios share, that is, without ids and times."""
    return type(outcome).__name__, getattr(outcome, "replayed", None), *numbers_in(outcome)


def numbers_in(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from numbers_in(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from numbers_in(getattr(value, each.name))


@pytest.mark.usefixtures("no_drift")
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(plans)
def test_batch_has_the_same_outcomes_as_single_commands(plan: list[Any]) -> None:
    together, one_by_one = Scenario(), Scenario()
    batch = submit_batch(together.commands(plan))
    single = [submit_batch([command])[0] for command in one_by_one.commands(plan)]
    assert list(map(outline, batch)) == list(map(outline, single))
    assert together.counters() == one_by_one.counters()
