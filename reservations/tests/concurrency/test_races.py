"""Concurrent requests for one event: the right number succeeds, and no seat is lost."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from reservations.errors import CapacityBelowSold
from reservations.ledger import submit
from reservations.ledger.commands import EditEvent, PauseSales
from reservations.models import Event
from reservations.tests.assertions import assert_inventory
from reservations.tests.concurrency.requests import delete_reservation, post_reservation
from reservations.tests.concurrency.threads import run_together
from reservations.tests.database import locked, run_and_disconnect, wait_for_lock_waiters
from reservations.tests.factories import EventFactory, reserve

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_drift"),
    pytest.mark.xdist_group("races"),
]


def set_capacity(event: Event, seats: int) -> int:
    try:
        submit(EditEvent(event=event.slug, edits={"total_seats": seats}, actor="test"))
    except CapacityBelowSold:
        return 409
    return 200


def test_sixty_buyers_get_exactly_ten_seats(event: Event) -> None:
    codes = run_together([partial(post_reservation, event, 1) for _ in range(60)])
    assert Counter(codes) == {201: 10, 409: 50}
    assert_inventory(event, available=0, version=10, reservations=10)


def test_only_requests_above_the_remaining_seats_are_refused(db: None) -> None:
    event = EventFactory.create(total_seats=50)
    generator = random.Random(7)
    sizes = [generator.choice([3, 5, 7, 9]) for _ in range(40)]
    codes = run_together([partial(post_reservation, event, seats) for seats in sizes])
    sold = [seats for seats, code in zip(sizes, codes, strict=True) if code == 201]
    refused = [seats for seats, code in zip(sizes, codes, strict=True) if code == 409]
    assert len(sold) + len(refused) == len(sizes)
    left = 50 - sum(sold)
    assert left >= 0
    assert min(refused) > left
    assert_inventory(event, available=left, version=len(sold), reservations=len(sold))


def test_only_one_of_sixteen_cancels_succeeds(event: Event) -> None:
    reserve(event, seats=5)
    to_cancel = reserve(event, seats=3)
    codes = run_together([partial(delete_reservation, to_cancel) for _ in range(16)])
    assert Counter(codes) == {204: 1, 404: 15}
    assert_inventory(event, available=5, version=3, reservations=1)


def test_reserve_cancel_and_edit_race_keeps_counters_right(db: None) -> None:
    event = EventFactory.create(total_seats=20)
    sold = [reserve(event, seats=2) for _ in range(10)]
    calls: list[Callable[[], int]] = [
        *[partial(post_reservation, event, 2)] * 16,
        *[partial(delete_reservation, reservation_id) for reservation_id in sold for _ in range(2)],
        *[partial(set_capacity, event, seats) for seats in (12, 16, 18, 24)],
    ]
    codes = run_together(calls)
    bought, resized = codes[:16].count(201), codes[36:].count(200)
    assert set(codes[:16]) <= {201, 409}
    assert Counter(codes[16:36]) == {204: 10, 404: 10}
    event.refresh_from_db()
    assert_inventory(
        event,
        available=event.total_seats - 2 * bought,
        version=10 + 10 + bought + resized,
        reservations=bought,
    )


def pause(event: Event) -> int:
    """Pause sales; return 1 if they were not paused before."""
    return int(submit(PauseSales(event=event.slug, actor="test")).changed)


def test_no_sale_is_made_after_a_pause(event: Event, group_commit: bool) -> None:
    """All buyers queue for the event after the pause, in their process or at the lock."""
    with locked(event) as other, ThreadPoolExecutor(6) as pool:
        pausing = pool.submit(run_and_disconnect, partial(pause, event))
        wait_for_lock_waiters()
        buy = partial(run_and_disconnect, partial(post_reservation, event, 1))
        buyers = [pool.submit(buy) for _ in range(5)]
        if not group_commit:
            wait_for_lock_waiters(6)
        other.commit()
        assert pausing.result(timeout=30) == 1
        assert [buyer.result(timeout=30) for buyer in buyers] == [409] * 5
    assert list(event.changes.values_list("kind", flat=True)) == ["paused"]
    assert_inventory(event, available=10, version=1, reservations=0)


def test_last_of_racing_sales_is_made_before_the_pause(db: None) -> None:
    event = EventFactory.create(total_seats=100)
    buy = partial(post_reservation, event, 1)
    calls: list[Callable[[], int]] = [*[buy] * 20, *[partial(pause, event)] * 4, *[buy] * 20]
    codes = run_together(calls)
    sold, pauses = codes.count(201), sum(codes[20:24])
    assert pauses == 1
    assert sold + codes.count(409) == 40
    kinds = event.changes.order_by("version").values_list("kind", flat=True)
    assert list(kinds) == ["confirmed"] * sold + ["paused"]
    assert post_reservation(event, 1) == 409
    assert_inventory(event, available=100 - sold, version=sold + 1, reservations=sold)


def test_locked_event_does_not_delay_other_events(db: None) -> None:
    busy, free = EventFactory.create_batch(2, total_seats=5)
    with locked(busy) as other, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run_and_disconnect, partial(post_reservation, busy, 1))
        wait_for_lock_waiters()
        assert post_reservation(free, 1) == 201
        assert not waiting.done()
        other.commit()
        assert waiting.result(timeout=30) == 201
    assert_inventory(free, available=4, version=1, reservations=1)
