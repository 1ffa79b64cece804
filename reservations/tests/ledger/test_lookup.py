"""What does not exist is refused before a command takes a queue or a transaction."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import cast
from uuid import uuid4

import pytest
from django.db import connection

from reservations.errors import (
    BookingNotFound,
    EventNotFound,
    NotEnoughSeats,
    Refusal,
    ReservationNotFound,
)
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import group_commit, lookup, submit
from reservations.ledger.commands import (
    Book,
    BookingItem,
    Cancel,
    CancelBooking,
    Command,
    CommandOf,
    Confirm,
)
from reservations.ledger.execute import execute_batch
from reservations.ledger.outcomes import BookingCancelled, Cancelled, Outcome, Reserved
from reservations.models import Event
from reservations.tests.database import (
    count_round_trips,
    locked,
    run_and_disconnect,
    second_connection,
    wait_for_lock_waiters,
)
from reservations.tests.factories import EventFactory, book, booking_of, reservation_of, reserve
from reservations.tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

KEY = IdempotencyKey(scope="s", key="k", fingerprint="f")


def outcome_of(command: Command) -> Outcome | Exception:
    try:
        return submit(cast("CommandOf[Outcome]", command))
    except Refusal as refusal:
        return refusal


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """The commands that reach a transaction during the test."""
    executed: list[Command] = []

    def recording(batch: Sequence[Command]) -> list[Outcome | Refusal]:
        executed.extend(batch)
        return execute_batch(batch)

    monkeypatch.setattr(group_commit, "execute_batch", recording)
    monkeypatch.setattr(lookup, "_existing", set())
    return executed


def bookings_of(*slugs: str) -> Book:
    items = tuple(BookingItem(event=slug, seats=1) for slug in slugs)
    return Book(customer_email="ada@example.com", items=items, actor="test")


UNKNOWN: dict[str, tuple[Command, Refusal]] = {
    "event": (reservation_of("none"), EventNotFound("none")),
    "booked-events": (bookings_of("b", "a"), EventNotFound("b")),
    "confirm": (Confirm(reservation_id=uuid4(), actor="test"), ReservationNotFound()),
    "cancel": (Cancel(reservation_id=uuid4(), actor="test"), ReservationNotFound()),
    "cancel-booking": (CancelBooking(booking_id=uuid4(), actor="test"), BookingNotFound()),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize(("key", "round_trips"), [(None, 1), (KEY, 2)], ids=["no-key", "key"])
def test_unknown_object_takes_no_transaction(
    transactions: list[Command], name: str, key: IdempotencyKey | None, round_trips: int
) -> None:
    command, refusal = UNKNOWN[name]
    command = replace(command, idempotency_key=key)
    outcomes: list[Outcome | Exception] = []
    assert count_round_trips(lambda: outcomes.append(outcome_of(command))) == round_trips
    assert (outcomes, transactions) == ([refusal], [])


@pytest.mark.parametrize("slug", ["", "a b", "\x00", "\ud800", "x" * 101])
def test_malformed_slug_takes_no_connection(transactions: list[Command], slug: str) -> None:
    for command in (reservation_of(slug), bookings_of(slug, "a")):
        connection.close()
        assert outcome_of(command) == EventNotFound(slug)
        assert connection.connection is None
    assert transactions == []


def test_first_unknown_event_of_a_booking_is_refused(
    event: Event, transactions: list[Command]
) -> None:
    assert outcome_of(bookings_of(event.slug, "a", "\x00")) == EventNotFound("a")
    assert outcome_of(bookings_of(event.slug, "\x00", "a")) == EventNotFound("\x00")
    assert transactions == []


def test_known_event_is_looked_up_only_once(event: Event, transactions: list[Command]) -> None:
    first, second = (count_round_trips(lambda: reserve(event)) for _ in range(2))
    assert first - second == 1
    assert len(transactions) == 2


def test_new_event_can_be_sold_at_once(transactions: list[Command]) -> None:
    assert outcome_of(reservation_of("new")) == EventNotFound("new")
    with second_connection() as other:
        other.execute(
            "INSERT INTO reservations_event"
            " (slug, name, total_seats, available_seats, reservation_count, version)"
            " VALUES ('new', 'New', 5, 5, 0, 0)"
        )
    assert isinstance(outcome_of(reservation_of("new")), Reserved)


def test_deleted_event_is_refused_and_its_outcomes_replayed(
    monkeypatch: pytest.MonkeyPatch, transactions: list[Command]
) -> None:
    event = EventFactory.create(total_seats=1)
    command = replace(reservation_of(event, 2), idempotency_key=KEY)
    assert outcome_of(command) == NotEnoughSeats(2, 1)
    event.delete()
    assert outcome_of(reservation_of(event.slug)) == EventNotFound(event.slug)
    monkeypatch.setattr(lookup, "_existing", set())
    again = outcome_of(command)
    assert isinstance(again, NotEnoughSeats)
    assert again.replayed


def test_lookups_of_a_process_share_one_connection(
    pool: ThreadPoolExecutor, transactions: list[Command]
) -> None:
    """However many requests name unknown events, sales keep the other connections."""
    commands: list[Command] = [
        *(reservation_of(f"none-{number}") for number in range(20)),
        *(Cancel(reservation_id=uuid4(), actor="test") for _ in range(5)),
        *(CancelBooking(booking_id=uuid4(), actor="test") for _ in range(5)),
    ]
    with second_connection() as other:
        other.execute("LOCK TABLE reservations_event IN ACCESS EXCLUSIVE MODE")
        calls = []
        for command in commands:
            calls.append(pool.submit(run_and_disconnect, partial(outcome_of, command)))
            wait_for_lock_waiters()
        wait_until(lambda: lookup._reader.waiting() == len(commands) - 1)
        connection.close()
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]
        assert stats["pool_size"] - stats["pool_available"] == 1
    assert {type(call.result(30)) for call in calls} == {
        EventNotFound,
        ReservationNotFound,
        BookingNotFound,
    }
    assert transactions == []


def test_unknown_objects_do_not_wait_for_queued_bookings(
    event: Event, pool: ThreadPoolExecutor
) -> None:
    other = EventFactory.create()
    with locked(event):
        waiting = pool.submit(run_and_disconnect, partial(outcome_of, booking_of(event, other)))
        wait_for_lock_waiters()
        for command, refusal in UNKNOWN.values():
            assert outcome_of(command) == refusal
        assert not waiting.done()
    assert not isinstance(waiting.result(30), Exception)


def test_cancellations_wait_only_for_events_of_their_own(
    event: Event, pool: ThreadPoolExecutor
) -> None:
    other, third = EventFactory.create_batch(2)
    booked, reserved = book((other, 1)), reserve(other)
    with locked(event):
        waiting = pool.submit(run_and_disconnect, partial(outcome_of, booking_of(event, third)))
        wait_for_lock_waiters()
        cancelled = outcome_of(CancelBooking(booking_id=booked, actor="test"))
        assert isinstance(cancelled, BookingCancelled)
        assert isinstance(outcome_of(Cancel(reservation_id=reserved, actor="test")), Cancelled)
        assert not waiting.done()
    assert not isinstance(waiting.result(30), Exception)
