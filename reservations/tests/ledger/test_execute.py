"""Execution of a batch in one transaction: locks, order, round trips, database failures."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.sql import Query
from django.utils import timezone

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
from reservations.ledger.lock import lock_events
from reservations.ledger.outcomes import Cancelled, Confirmed, Edited, Reserved
from reservations.ledger.rules import decide
from reservations.ledger.state import Decision, State
from reservations.models import Booking, Change, Event, IdempotencyRecord, Reservation
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import (
    count_round_trips,
    locked,
    run_and_disconnect,
    second_connection,
    session_setting,
    wait_for_lock_waiters,
)
from reservations.tests.factories import EventFactory, booking_of, reservation_of, reserve

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_only_the_named_events_are_locked_at_the_decision(
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


def test_events_are_locked_in_primary_key_order(db: None) -> None:
    first, second = EventFactory.create_batch(2)
    with ThreadPoolExecutor(1) as pool, second_connection() as other:
        with locked(first):
            batch = [reservation_of(second), reservation_of(first)]
            waiting = pool.submit(run_and_disconnect, partial(execute_batch, batch))
            wait_for_lock_waiters()
            # The batch waits for the first event, so it must not hold the second one yet.
            other.execute(
                "SELECT FROM reservations_event WHERE id = %s FOR UPDATE NOWAIT", [second.pk]
            )
            other.rollback()
        assert [type(outcome) for outcome in waiting.result(timeout=30)] == [Reserved, Reserved]


def test_unexpected_order_of_lock_parameters_sells_nothing(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger binds parameters by position, in an order that Django does not document."""
    original = Query.sql_with_params
    lock._lock_then_read_clock.cache_clear()
    monkeypatch.setattr(Query, "sql_with_params", lambda query: (original(query)[0], ("other",)))
    with pytest.raises(RuntimeError, match="in an unexpected order"):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)


def test_changes_committed_before_the_lock_are_seen(event: Event) -> None:
    """A cancel that waited for another cancel of its reservation must not see it as confirmed."""
    to_cancel = reserve(event, seats=4)
    cancel = partial(submit, Cancel(reservation_id=to_cancel, actor="test"))
    with locked(event) as other:
        other.execute(
            "UPDATE reservations_reservation SET status = 'cancelled' WHERE id = %s", [to_cancel]
        )
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(run_and_disconnect, cancel)
            wait_for_lock_waiters()
            other.commit()
            with pytest.raises(ReservationNotFound):
                waiting.result(timeout=30)


def test_new_rows_of_unlocked_events_are_ignored(event: Event) -> None:
    """Their events were unknown when the locks were taken, and no row may change without a lock."""
    elsewhere, made_elsewhere = EventFactory.create(), reservation_of(EventFactory.create())
    made_here = booking_of(event, elsewhere)
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        batch: list[Command] = [
            Cancel(reservation_id=made_elsewhere.reservation_id, actor="test"),
            CancelBooking(booking_id=made_here.booking_id, actor="test"),
            reservation_of(event),
        ]
        waiting = pool.submit(run_and_disconnect, partial(submit_batch, batch))
        wait_for_lock_waiters()
        submit(made_elsewhere)
        insert_booking(other, made_here)
        other.commit()
        refused, refused_too, sold = waiting.result(timeout=30)
    assert (refused, refused_too) == (ReservationNotFound(), BookingNotFound())
    assert isinstance(sold, Reserved)


def insert_booking(other: psycopg.Connection, booking: Book) -> None:
    """Write the rows of a booking, as another process that holds the locks would."""
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


def test_batch_can_confirm_and_cancel_its_own_reservations(event: Event) -> None:
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


def test_batch_is_decided_in_order_with_one_outcome_each(event: Event) -> None:
    sold, to_cancel = reservation_of(event, 4), reserve(event, seats=4)
    outcomes = execute_batch(
        [
            sold,
            reservation_of(event, 3),
            Cancel(reservation_id=to_cancel, actor="test"),
            reservation_of(event, 6),
            Cancel(reservation_id=sold.reservation_id, actor="test"),
            reservation_of("none"),
            EditEvent(event=event.slug, edits={"total_seats": 6, "venue": "Hall"}, actor="test"),
        ]
    )
    [reserved] = Reservation.objects.filter(event=event, status="confirmed")
    assert outcomes[0] == Reserved(sold.reservation_id, 4)
    assert outcomes[1] == NotEnoughSeats(requested=3, available_seats=2)
    assert outcomes[2] == Cancelled(to_cancel, 4)
    assert outcomes[3] == Reserved(reserved.pk, 6)
    assert outcomes[4] == Cancelled(sold.reservation_id, 4)
    assert outcomes[5] == EventNotFound("none")
    assert outcomes[6] == Edited(total_seats=6, available_seats=0)
    assert_inventory(event, available=0, version=7, reservations=1)


def stored_rows() -> list[tuple[str, str]]:
    """Return every row of the ledger with its physical location, which any UPDATE changes."""
    rows = []
    with connection.cursor() as cursor:
        for model in (Event, Reservation, Booking, Change, IdempotencyRecord):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT each.ctid::text, each::text FROM {table} AS each ORDER BY id")
            rows += cursor.fetchall()
    return rows


def test_refused_command_writes_nothing(event: Event) -> None:
    reserve(event, seats=4)
    before = stored_rows()
    with pytest.raises(NotEnoughSeats):
        reserve(event, seats=7)
    assert stored_rows() == before


def test_round_trips_do_not_grow_with_the_batch(event: Event) -> None:
    one, three = (
        count_round_trips(partial(execute_batch, [reservation_of(event) for _ in range(buyers)]))
        for buyers in (1, 3)
    )
    assert one == three
    assert_inventory(event, available=6, version=4, reservations=4)


def test_each_change_is_stored_as_a_row(event: Event) -> None:
    bought = reserve(event, seats=4)
    submit(EditEvent(event=event.slug, edits={"total_seats": 20}, actor="admin"))
    submit(Cancel(reservation_id=bought, actor="api"))
    fields = ("version", "kind", "seats", "available_seats", "reservation_id", "actor")
    assert list(Change.objects.order_by("version").values_list(*fields)) == [
        (1, "confirmed", -4, 6, bought, "test"),
        (2, "capacity", 10, 16, None, "admin"),
        (3, "cancelled", 4, 20, bought, "api"),
    ]


def test_lock_timeout_raises_busy_and_changes_nothing(event: Event) -> None:
    with locked(event), session_setting("lock_timeout", "100ms"), pytest.raises(Busy):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)
    reserve(event)


def test_statement_timeout_raises_busy_and_changes_nothing(event: Event) -> None:
    with locked(event), session_setting("statement_timeout", "100ms"), pytest.raises(Busy):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)


def test_sessions_use_the_configured_timeouts_and_isolation() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'),"
            " current_setting('idle_in_transaction_session_timeout'),"
            " current_setting('transaction_isolation')"
        )
        limit = f"{settings.REQUEST_TIMEOUT + settings.COMMIT_TIMEOUT:g}s"
        assert cursor.fetchone() == (limit, limit, "read committed")


def test_terminated_connection_raises_busy_and_is_replaced(event: Event) -> None:
    with second_connection() as other, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        other.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())
    with pytest.raises(Busy):
        execute_batch([reservation_of(event)])
    execute_batch([reservation_of(event)])
    assert_inventory(event, available=9, version=1, reservations=1)


def test_command_inside_a_transaction_raises_runtime_error(event: Event) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        reserve(event)


def test_time_without_a_lock_is_comparable_with_other_times() -> None:
    assert lock_events().now < timezone.now()


def test_unknown_slugs_and_ids_are_refused(event: Event) -> None:
    for slug in ("none", "", "nul\0", "\ud800", "x" * 10_000, "ä"):
        with pytest.raises(EventNotFound):
            submit(reservation_of(slug))
    with pytest.raises(ReservationNotFound):
        submit(Cancel(reservation_id=uuid4(), actor="test"))
