"""Holds expire by PostgreSQL's clock, read under the lock; the next command releases them."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reservations.errors import HoldExpired, NotEnoughSeats
from reservations.ledger import submit
from reservations.ledger.commands import Cancel, Confirm, ReleaseHolds
from reservations.ledger.outcomes import Reserved
from reservations.models import Change, Event, Reservation
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import SALE, in_a_thread, locked, verbs, wait_for_a_waiter
from reservations.tests.factories import (
    EventFactory,
    book,
    expire_hold,
    hold,
    reservation_of,
    reserve,
)

pytestmark = pytest.mark.django_db(transaction=True)


def confirm(reservation_id: object) -> None:
    submit(Confirm(reservation_id=reservation_id, actor="test"))  # type: ignore[arg-type]


def test_a_hold_takes_seats_until_it_is_confirmed(event: Event) -> None:
    held = hold(event, seats=8)
    assert_inventory(event, available=2, version=1, reservations=0, held=8)
    with pytest.raises(NotEnoughSeats):
        reserve(event, seats=3)
    confirm(held)
    assert_inventory(event, available=2, version=2, reservations=1)
    assert Reservation.objects.get().expires_at is None
    assert_no_drift()


def test_a_hold_ends_by_the_databases_clock(event: Event) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [before] = cursor.fetchone()
        held = Reservation.objects.get(pk=hold(event, seconds=60))
        cursor.execute("SELECT clock_timestamp()")
        [after] = cursor.fetchone()
    assert held.expires_at
    assert before < held.created_at < after
    assert (held.expires_at - held.created_at).total_seconds() == 60


def test_an_expired_hold_frees_its_seats_for_the_next_buyer(event: Event) -> None:
    first, second = hold(event, seats=5), hold(event, seats=5)
    expire_hold(first)
    with pytest.raises(NotEnoughSeats) as refusal:
        reserve(event, seats=6)
    assert refusal.value.available_seats == 5
    assert_inventory(event, available=5, version=3, reservations=0, held=5)
    expire_hold(second)
    reserve(event, seats=10)
    assert_inventory(event, available=0, version=5, reservations=1)
    assert_no_drift()


def test_every_command_releases_expired_holds(event: Event) -> None:
    other = EventFactory.create(total_seats=3)
    expire_hold(hold(event, seats=10), hold(other, seats=3))
    book((event, 2), (other, 3))
    assert_inventory(event, available=8, version=3, reservations=1)
    assert_inventory(other, available=0, version=3, reservations=1)
    expire_hold(hold(event, seats=8))
    submit(ReleaseHolds(event=event.slug))
    assert_inventory(event, available=8, version=5, reservations=1)
    doomed = hold(event, seats=8)
    expire_hold(doomed)
    with pytest.raises(HoldExpired):
        confirm(doomed)
    assert_inventory(event, available=8, version=7, reservations=1)
    submit(Cancel(reservation_id=hold(event, seats=1), actor="test"))
    assert_inventory(event, available=8, version=9, reservations=1)
    assert_no_drift()


def test_holds_expire_in_the_order_of_their_ends(event: Event) -> None:
    second, first = hold(event, seconds=20), hold(event, seconds=10)
    Reservation.objects.filter(pk=second).update(expires_at="2020-01-01T00:00:01Z")
    Reservation.objects.filter(pk=first).update(expires_at="2020-01-01T00:00:00Z")
    submit(ReleaseHolds(event=event.slug))
    expired = Change.objects.filter(kind="expired").order_by("version")
    assert list(expired.values_list("reservation_id", "version", "seats", "actor")) == [
        (first, 3, 1, "expiry"),
        (second, 4, 1, "expiry"),
    ]


@pytest.mark.parametrize("holds", [1, 3])
def test_any_number_of_holds_is_released_in_one_statement(event: Event, holds: int) -> None:
    expire_hold(*[hold(event) for _ in range(holds)])
    with CaptureQueriesContext(connection) as queries:
        reserve(event)
    assert verbs(queries) == [*SALE[:2], ["WITH"], *SALE[2:]]


def test_holds_that_last_cost_a_buyer_one_round_trip(event: Event) -> None:
    hold(event)
    with CaptureQueriesContext(connection) as queries:
        reserve(event)
    assert verbs(queries) == [*SALE[:2], ["WITH"], *SALE[2:]]


def test_a_confirmation_that_waits_too_long_is_refused(event: Event) -> None:
    """The hold ends during the wait for the lock: the clock is read afterwards."""
    held = hold(event, seats=10, seconds=60)
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        other.execute(
            "UPDATE reservations_reservation SET expires_at = clock_timestamp() + interval '0.3 s'"
        )
        waiting = pool.submit(in_a_thread, partial(confirm, held))
        wait_for_a_waiter()
        other.execute("SELECT pg_sleep(0.4)")
        other.commit()
        with pytest.raises(HoldExpired):
            waiting.result(timeout=30)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_a_confirmation_that_waits_a_little_succeeds(event: Event) -> None:
    held = hold(event, seats=10, seconds=60)
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(in_a_thread, partial(confirm, held))
        wait_for_a_waiter()
        other.commit()
        waiting.result(timeout=30)
    assert_inventory(event, available=0, version=2, reservations=1)


def test_a_hold_begins_when_its_lock_is_granted(event: Event) -> None:
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(in_a_thread, partial(hold, event, seconds=5))
        wait_for_a_waiter()
        other.execute("SELECT pg_sleep(0.2)")
        [granted] = other.execute("SELECT clock_timestamp()").fetchone() or [None]
        other.commit()
        held = Reservation.objects.get(pk=waiting.result(timeout=30))
    assert granted
    assert held.created_at > granted


def test_the_outcome_of_a_hold_says_when_it_ends(event: Event) -> None:
    command = reservation_of(event, 2, hold_seconds=5)
    expires_at = Reservation.objects.filter(pk=command.reservation_id).values_list(
        "expires_at", flat=True
    )
    outcome = submit(command)
    assert outcome == Reserved(command.reservation_id, 2, "held", expires_at.get())
