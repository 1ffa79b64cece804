"""Expiry of holds: by PostgreSQL's clock, read under the lock; any command releases them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.utils.timezone import now

from reservations import sql
from reservations.errors import HoldExpired, NotEnoughSeats
from reservations.ledger import lock, submit
from reservations.ledger.commands import Cancel, Confirm, ReleaseHolds
from reservations.ledger.outcomes import Reserved
from reservations.models import Change, Event, Reservation
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import (
    count_round_trips,
    locked,
    run_and_disconnect,
    wait_for_lock_waiters,
)
from reservations.tests.factories import (
    EventFactory,
    book,
    expire_hold,
    hold,
    reservation_of,
    reserve,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def confirm(reservation_id: object) -> None:
    submit(Confirm(reservation_id=reservation_id, actor="test"))  # type: ignore[arg-type]


def test_held_seats_stay_taken_when_confirmed(event: Event) -> None:
    held = hold(event, seats=8)
    assert_inventory(event, available=2, version=1, reservations=0, held=8)
    with pytest.raises(NotEnoughSeats):
        reserve(event, seats=3)
    confirm(held)
    assert_inventory(event, available=2, version=2, reservations=1)
    assert Reservation.objects.get().expires_at is None
    assert_no_drift()


@pytest.fixture
def fast_database_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the ledger read a database clock that is an hour ahead of this host's."""
    monkeypatch.setattr(sql, "READ_CLOCK", "SELECT clock_timestamp() + interval '1 hour'")
    lock._lock_then_read_clock.cache_clear()
    yield
    lock._lock_then_read_clock.cache_clear()


@pytest.mark.usefixtures("fast_database_clock")
def test_hold_expires_by_the_database_clock(event: Event) -> None:
    held = Reservation.objects.get(pk=hold(event, seconds=60))
    assert timedelta(minutes=59) < held.created_at - now() < timedelta(minutes=61)
    assert held.expires_at == held.created_at + timedelta(seconds=60)
    Reservation.objects.update(expires_at=now() + timedelta(minutes=59))
    with pytest.raises(HoldExpired):
        confirm(held.pk)


def test_next_reservation_releases_expired_holds(event: Event) -> None:
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
    expired = hold(event, seats=8)
    expire_hold(expired)
    with pytest.raises(HoldExpired):
        confirm(expired)
    assert_inventory(event, available=8, version=7, reservations=1)
    submit(Cancel(reservation_id=hold(event, seats=1), actor="test"))
    assert_inventory(event, available=8, version=9, reservations=1)
    assert_no_drift()


def test_holds_are_released_in_order_of_expiry(event: Event) -> None:
    second, first = hold(event, seconds=20), hold(event, seconds=10)
    Reservation.objects.filter(pk=second).update(expires_at="2020-01-01T00:00:01Z")
    Reservation.objects.filter(pk=first).update(expires_at="2020-01-01T00:00:00Z")
    submit(ReleaseHolds(event=event.slug))
    expired = Change.objects.filter(kind="expired").order_by("version")
    assert list(expired.values_list("reservation_id", "version", "seats", "actor")) == [
        (first, 3, 1, "expiry"),
        (second, 4, 1, "expiry"),
    ]


def test_only_an_event_with_holds_costs_one_more_round_trip(event: Event) -> None:
    buy = partial(reserve, event)
    without_holds = count_round_trips(buy)
    expire_hold(hold(event))
    with_one_expired = count_round_trips(buy)
    expire_hold(*[hold(event) for _ in range(3)])
    with_three_expired = count_round_trips(buy)
    after_release = count_round_trips(buy)
    hold(event)
    with_one_live = count_round_trips(buy)
    assert after_release == without_holds
    assert with_one_expired == with_three_expired == with_one_live == without_holds + 1
    assert_inventory(event, available=4, version=14, reservations=5, held=1)


def test_confirmation_after_the_hold_expired_is_refused(event: Event) -> None:
    """The hold expires while the command waits for the lock: the clock is read under the lock."""
    held = hold(event, seats=10, seconds=60)
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_and_disconnect, partial(confirm, held))
        wait_for_lock_waiters()
        other.execute("UPDATE reservations_reservation SET expires_at = clock_timestamp()")
        other.commit()
        with pytest.raises(HoldExpired):
            waiting.result(timeout=30)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_confirmation_that_waits_before_expiry_succeeds(event: Event) -> None:
    held = hold(event, seats=10, seconds=60)
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_and_disconnect, partial(confirm, held))
        wait_for_lock_waiters()
        other.commit()
        waiting.result(timeout=30)
    assert_inventory(event, available=0, version=2, reservations=1)


def test_hold_begins_when_the_lock_is_granted(event: Event) -> None:
    with locked(event) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_and_disconnect, partial(hold, event, seconds=5))
        wait_for_lock_waiters()
        [[before_release]] = other.execute("SELECT clock_timestamp()").fetchall()
        other.commit()
        held = Reservation.objects.get(pk=waiting.result(timeout=30))
    assert held.created_at > before_release


def test_outcome_of_a_hold_has_its_expiry_time(event: Event) -> None:
    command = reservation_of(event, 2, hold_seconds=5)
    expires_at = Reservation.objects.filter(pk=command.reservation_id).values_list(
        "expires_at", flat=True
    )
    outcome = submit(command)
    assert outcome == Reserved(command.reservation_id, 2, "held", expires_at.get())
