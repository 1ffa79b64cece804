"""One transaction: what it locks, what it asks, and in which order it decides."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.sql import Query
from django.test.utils import CaptureQueriesContext

from reservations.errors import (
    BookingNotFound,
    Busy,
    EventNotFound,
    NotEnoughSeats,
    Refusal,
    ReservationNotFound,
)
from reservations.ledger import execute, lock, submit, submit_batch
from reservations.ledger.commands import (
    Book,
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    Reserve,
)
from reservations.ledger.execute import execute_batch
from reservations.ledger.outcomes import Cancelled, Confirmed, Edited, Reserved
from reservations.ledger.rules import decide
from reservations.ledger.state import Decision, State
from reservations.models import Change, Event, Reservation
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import (
    SALE,
    in_a_thread,
    locked,
    second_connection,
    setting,
    verbs,
    wait_for_a_waiter,
)
from reservations.tests.factories import EventFactory, booking_of, reservation_of, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_the_events_named_are_locked_at_the_decision(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_event = EventFactory.create()
    free: list[bool] = []

    def probing(state: State, command: Reserve) -> Decision | Refusal:
        for pk in (event.pk, other_event.pk):
            with second_connection() as other:
                try:
                    other.execute(
                        "SELECT FROM reservations_event WHERE id = %s FOR NO KEY UPDATE NOWAIT",
                        [pk],
                    )
                    free.append(True)
                except psycopg.errors.LockNotAvailable:
                    free.append(False)
        return decide(state, command)

    monkeypatch.setattr(execute, "decide", probing)
    reserve(event)
    assert free == [False, True]


def test_events_are_locked_in_the_order_of_their_ids(db: None) -> None:
    first, second = EventFactory.create_batch(2)
    with ThreadPoolExecutor(1) as pool, second_connection() as other:
        with locked(first):
            batch = [reservation_of(second), reservation_of(first)]
            waiting = pool.submit(in_a_thread, partial(execute_batch, batch))
            wait_for_a_waiter()
            # It waits for the first, so it must not have locked the second yet.
            other.execute(
                "SELECT FROM reservations_event WHERE id = %s FOR UPDATE NOWAIT", [second.pk]
            )
            other.rollback()
        assert [type(outcome) for outcome in waiting.result(timeout=30)] == [Reserved, Reserved]


def test_a_lock_compiled_in_another_order_sells_nothing(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger binds by position, so it must not trust another version of Django blindly."""
    original = Query.sql_with_params
    lock._lock_then_read_clock.cache_clear()
    monkeypatch.setattr(Query, "sql_with_params", lambda query: (original(query)[0], ("other",)))
    with pytest.raises(RuntimeError, match="in another order"):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)


def test_what_others_commit_before_the_lock_is_seen(event: Event) -> None:
    """A cancel that waits behind another of the same reservation must not see it as confirmed."""
    doomed = reserve(event, seats=4)
    cancel = partial(submit, Cancel(reservation_id=doomed, actor="test"))
    with locked(event) as other:
        other.execute(
            "UPDATE reservations_reservation SET status = 'cancelled' WHERE id = %s", [doomed]
        )
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(in_a_thread, cancel)
            wait_for_a_waiter()
            other.commit()
            with pytest.raises(ReservationNotFound):
                waiting.result(timeout=30)


def test_rows_made_since_at_unlocked_events_are_ignored(
    event: Event,
) -> None:
    """Their events were not known when the locks were chosen: no row changes without a lock."""
    elsewhere, made_elsewhere = EventFactory.create(), reservation_of(EventFactory.create())
    made_here = booking_of(event, elsewhere)
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        batch: list[Command] = [
            Cancel(reservation_id=made_elsewhere.reservation_id, actor="test"),
            CancelBooking(booking_id=made_here.booking_id, actor="test"),
            reservation_of(event),
        ]
        waiting = pool.submit(in_a_thread, partial(submit_batch, batch))
        wait_for_a_waiter()
        submit(made_elsewhere)
        insert_booking(other, made_here)
        other.commit()
        refused, refused_too, sold = waiting.result(timeout=30)
    assert (refused, refused_too) == (ReservationNotFound(), BookingNotFound())
    assert isinstance(sold, Reserved)


def insert_booking(other: psycopg.Connection, booking: Book) -> None:
    """Write what was booked, as another process that has the locks would."""
    other.execute(
        "INSERT INTO reservations_booking (id, customer_email, status, created_at)"
        " VALUES (%s, '', 'confirmed', now())",
        [booking.booking_id],
    )
    for item in booking.items:
        other.execute(
            "INSERT INTO reservations_reservation"
            " (id, event_id, booking_id, partner, seats, status)"
            " SELECT %s, id, %s, '', %s, 'confirmed' FROM reservations_event WHERE slug = %s",
            [item.reservation_id, booking.booking_id, item.seats, item.event],
        )


def test_a_sale_and_its_confirmation_in_one_batch(event: Event) -> None:
    bought, held = reservation_of(event), replace(reservation_of(event), hold_seconds=60)
    outcomes = execute_batch(
        [
            bought,
            Confirm(reservation_id=bought.reservation_id, actor="test"),
            held,
            Confirm(reservation_id=held.reservation_id, actor="test"),
            Cancel(reservation_id=held.reservation_id, actor="test"),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [
        Reserved,
        Confirmed,
        Reserved,
        Confirmed,
        Cancelled,
    ]
    assert_inventory(event, available=9, version=4, reservations=1)


def test_a_batch_decides_in_order_and_answers_each(event: Event) -> None:
    sold, doomed = reservation_of(event, 4), reserve(event, seats=4)
    version = 1
    outcomes = execute_batch(
        [
            sold,
            reservation_of(event, 3),
            Cancel(reservation_id=doomed, actor="test"),
            reservation_of(event, 6),
            Cancel(reservation_id=sold.reservation_id, actor="test"),
            reservation_of("none"),
            EditEvent(event=event.slug, edits={"total_seats": 6, "venue": "Hall"}, actor="test"),
        ]
    )
    version += 6
    [reserved] = Reservation.objects.filter(event=event, status="confirmed")
    assert outcomes[0] == Reserved(sold.reservation_id, 4)
    assert outcomes[1] == NotEnoughSeats(requested=3, available_seats=2)
    assert outcomes[2] == Cancelled(doomed, 4)
    assert outcomes[3] == Reserved(reserved.pk, 6)
    assert outcomes[4] == Cancelled(sold.reservation_id, 4)
    assert outcomes[5] == EventNotFound("none")
    assert outcomes[6] == Edited(total_seats=6, available_seats=0)
    assert_inventory(event, available=0, version=version, reservations=1)


def test_a_refused_command_writes_nothing(event: Event) -> None:
    with CaptureQueriesContext(connection) as queries, pytest.raises(NotEnoughSeats):
        reserve(event, seats=11)
    assert verbs(queries) == [*SALE[:2], ["COMMIT"], ["COMMIT"]]
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("buyers", [1, 3])
def test_statements_do_not_grow_with_the_batch(event: Event, buyers: int) -> None:
    with CaptureQueriesContext(connection) as queries:
        execute_batch([reservation_of(event) for _ in range(buyers)])
    assert verbs(queries) == SALE


def test_every_change_is_a_row(event: Event) -> None:
    bought = reserve(event, seats=4)
    submit(EditEvent(event=event.slug, edits={"total_seats": 20}, actor="boss"))
    submit(Cancel(reservation_id=bought, actor="api"))
    fields = ("version", "kind", "seats", "available_seats", "reservation_id", "actor")
    assert list(Change.objects.order_by("version").values_list(*fields)) == [
        (1, "confirmed", -4, 6, bought, "test"),
        (2, "capacity", 10, 16, None, "boss"),
        (3, "cancelled", 4, 20, bought, "api"),
    ]


def test_a_lock_that_is_not_granted_in_time_is_busy(event: Event) -> None:
    with locked(event), setting("lock_timeout", "100ms"), pytest.raises(Busy):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)
    reserve(event)


def test_a_statement_that_takes_too_long_is_busy(event: Event) -> None:
    with locked(event), setting("statement_timeout", "100ms"), pytest.raises(Busy):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)


def test_requests_wait_no_longer_than_the_settings_say(event: Event) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'),"
            " current_setting('idle_in_transaction_session_timeout'),"
            " current_setting('transaction_isolation')"
        )
        lock, statement = (
            f"{seconds:g}s" for seconds in (settings.LOCK_TIMEOUT, settings.STATEMENT_TIMEOUT)
        )
        assert cursor.fetchone() == (lock, statement, statement, "read committed")


def test_a_terminated_connection_is_busy_and_then_replaced(event: Event) -> None:
    with second_connection() as other, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        other.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())
    with pytest.raises(Busy):
        execute_batch([reservation_of(event)])
    execute_batch([reservation_of(event)])
    assert_inventory(event, available=9, version=1, reservations=1)


def test_a_command_inside_a_transaction_is_refused(event: Event) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        reserve(event)


def test_unknown_ids_are_refused(event: Event) -> None:
    for slug in ("none", "", "nul\0", "\ud800", "x" * 10_000, "ä"):
        with pytest.raises(EventNotFound):
            submit(reservation_of(slug))
    with pytest.raises(ReservationNotFound):
        submit(Cancel(reservation_id=uuid4(), actor="test"))
