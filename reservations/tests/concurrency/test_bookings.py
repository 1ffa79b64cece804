"""Concurrent bookings, holds and repeated requests."""

from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from rest_framework.test import APIClient

from reservations.errors import Busy
from reservations.ledger import submit, unit_of_work
from reservations.ledger.commands import Book
from reservations.ledger.lock import lock_events
from reservations.ledger.state import EventRow
from reservations.models import Booking, Event, IdempotencyRecord, Reservation
from reservations.tests.api.client import RESERVATION, post
from reservations.tests.assertions import assert_inventory
from reservations.tests.concurrency.requests import (
    cancel_booking,
    confirm_reservation,
    delete_reservation,
    post_booking,
    post_reservation,
)
from reservations.tests.concurrency.threads import run_together
from reservations.tests.database import locked, run_and_disconnect, wait_for_lock_waiters
from reservations.tests.factories import EventFactory, book, booking_of, expire_hold, hold

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_drift"),
    pytest.mark.xdist_group("races"),
]

# Fewer than the connections of the pool, because all threads wait for a lock together.
THREADS = 6


def test_bookings_in_opposite_orders_do_not_deadlock(db: None) -> None:
    first, second, third = EventFactory.create_batch(3, total_seats=20)
    orders = [(first, second, third), (third, second, first)] * 8
    calls = [partial(post_booking, *((event, 2) for event in order)) for order in orders]
    assert Counter(run_together(calls)) == {201: 10, 409: 6}
    for event in (first, second, third):
        assert_inventory(event, available=0, version=10, reservations=10)
    assert Booking.objects.count() == 10


def outcome_of(command: Book) -> str:
    try:
        submit(command)
    except Busy as busy:
        return "deadlock" if "deadlock detected" in str(busy.__cause__) else "busy"
    return "booked"


@pytest.mark.parametrize("group_commit", [False], indirect=True, ids=["single-commits"])
def test_locks_in_request_order_would_deadlock(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control experiment: without a fixed lock order, opposite orders deadlock."""
    first, second = EventFactory.create_batch(2)
    barrier = Barrier(2)

    def lock_as_requested(*, slugs: Collection[str], **_: object) -> Any:
        events: list[EventRow] = []
        for slug in slugs:
            locked = lock_events(slugs=[slug])
            events += locked.events
            if len(events) == 1:
                barrier.wait(timeout=30)
        return locked._replace(events=events)

    monkeypatch.setattr(unit_of_work, "lock_events", lock_as_requested)
    orders = [(first, second), (second, first)]
    commands = [booking_of(*((event, 2) for event in order)) for order in orders]
    results = run_together([partial(outcome_of, command) for command in commands])
    assert Counter(results) == {"booked": 1, "deadlock": 1}


def test_bookings_sell_nothing_if_the_last_event_is_sold_out(db: None) -> None:
    events = EventFactory.create_batch(20, total_seats=3)
    scarce = events[-1]
    items = [(event, 1) for event in events]
    assert Counter(run_together([partial(post_booking, *items)] * 8)) == {201: 3, 409: 5}
    assert_inventory(scarce, available=0, version=3, reservations=3)
    for event in events[:-1]:
        event.refresh_from_db()
        assert (event.available_seats, event.version) == (0, 3)


def test_only_one_of_sixteen_booking_cancels_succeeds(db: None) -> None:
    first, second = EventFactory.create_batch(2)
    book((first, 1), (second, 1))
    to_cancel = book((first, 3), (second, 2))
    codes = run_together([partial(cancel_booking, to_cancel)] * 16)
    assert Counter(codes) == {200: 1, 409: 15}
    assert_inventory(first, available=9, version=3, reservations=1)
    assert_inventory(second, available=9, version=3, reservations=1)


def test_bookings_and_cancels_in_opposite_orders_all_succeed(db: None) -> None:
    first, second = EventFactory.create_batch(2, total_seats=16)
    made = [book((first, 1), (second, 1)) for _ in range(8)]
    calls: list[Callable[[], int]] = [
        *[partial(cancel_booking, booking_id) for booking_id in made],
        *[partial(post_booking, (second, 1), (first, 1)) for _ in range(8)],
    ]
    codes = run_together(calls)
    assert Counter(codes) == {200: 8, 201: 8}
    assert_inventory(first, available=8, version=24, reservations=8)
    assert_inventory(second, available=8, version=24, reservations=8)


def test_confirm_and_cancel_race_ends_in_a_cancelled_hold(event: Event) -> None:
    for _ in range(5):
        held = hold(event, seats=2)
        calls = [
            *[partial(confirm_reservation, held)] * 6,
            *[partial(delete_reservation, held)] * 6,
        ]
        codes = run_together(calls)
        assert codes[6:].count(204) == 1
        assert set(codes[:6]) <= {200, 404}
        assert Reservation.objects.get(pk=held).status == "cancelled"
        event.refresh_from_db()
        assert (event.available_seats, event.held_seats, event.reservation_count) == (10, 0, 0)


def test_expired_hold_is_sold_once_and_never_confirmed(event: Event) -> None:
    for _ in range(4):
        held = hold(event, seats=10)
        expire_hold(held)
        calls: list[Callable[[], int]] = [
            *[partial(confirm_reservation, held)] * 4,
            *[partial(delete_reservation, held)] * 4,
            *[partial(post_reservation, event, 10)] * 8,
        ]
        codes = run_together(calls)
        assert Counter(codes[:4]) == {409: 4}
        assert Counter(codes[4:8]) == {404: 4}
        assert Counter(codes[8:]) == {201: 1, 409: 7}
        assert Reservation.objects.get(pk=held).status == "expired"
        assert delete_reservation(Reservation.objects.get(status="confirmed").pk) == 204


@pytest.mark.parametrize(
    ("left", "code", "available", "reservations"),
    [("-1 ms", 409, 10, 0), ("1 hour", 200, 0, 1)],
    ids=["expired", "live"],
)
def test_hold_expiry_is_decided_under_the_lock(
    *, event: Event, group_commit: bool, left: str, code: int, available: int, reservations: int
) -> None:
    """While the threads wait for the event's lock, the time at which the hold expires changes."""
    held = hold(event, seats=10)
    with ThreadPoolExecutor(THREADS) as pool, locked(event) as other:
        waiting = [
            pool.submit(run_and_disconnect, partial(confirm_reservation, held))
            for _ in range(THREADS)
        ]
        wait_for_lock_waiters(1 if group_commit else THREADS)
        other.execute(
            "UPDATE reservations_reservation SET expires_at = clock_timestamp() + %s::interval",
            [left],
        )
        other.commit()
        codes = [each.result(timeout=30) for each in waiting]
    assert Counter(codes) == {code: THREADS}
    assert_inventory(event, available=available, version=2, reservations=reservations)


def test_fifty_concurrent_repeats_of_one_key_sell_once(event: Event) -> None:
    def send() -> tuple[int, bytes, str | None]:
        response = post(APIClient(), "/reservations", RESERVATION, idempotency_key="only-once")
        return response.status_code, response.content, response.get("Location")

    responses = run_together([send] * 50)
    busy = [response for response in responses if response[0] == 503]
    finished = [response for response in responses if response[0] != 503]
    finished += [send() for _ in busy]
    assert len(set(finished)) == 1
    assert finished[0][0] == 201
    assert_inventory(event, available=7, version=1, reservations=1)


def test_repeated_bookings_in_opposite_orders_succeed_once(db: None) -> None:
    first, second = EventFactory.create_batch(2, total_seats=30)
    orders = [(first, second), (second, first)] * 8
    calls = [
        partial(post_booking, *((event, 1) for event in order), idempotency_key=f"k{n % 4}")
        for n, order in enumerate(orders)
    ]
    codes = Counter(run_together(calls))
    # Keys 0 to 3 alternate with the two orders, so equal keys have equal bodies.
    assert codes == {201: 16}
    assert Booking.objects.count() == IdempotencyRecord.objects.count() == 4
