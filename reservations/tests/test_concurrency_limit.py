"""Few requests of a process do the same expensive work at a time."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event as Signal

import pytest
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from reservations import deadline
from reservations.api.v1 import views
from reservations.concurrency_limit import ConcurrencyLimit
from reservations.deadline import Deadline
from reservations.errors import Busy
from reservations.models import Event
from reservations.tests.database import (
    run_and_disconnect,
    second_connection,
    wait_for_lock_waiters,
)
from reservations.tests.waiting import wait_until


def test_work_is_done_by_few_at_a_time(pool: ThreadPoolExecutor) -> None:
    limit = ConcurrencyLimit(2, max_waiting=10)
    started: list[int] = []
    finish = [Signal() for _ in range(5)]

    def work(number: int) -> None:
        with limit:
            started.append(number)
            assert finish[number].wait(30)

    calls = []
    for number in range(5):
        calls.append(pool.submit(work, number))
        wait_until(lambda: len(started) + limit.waiting == len(calls))
    assert started == [0, 1]
    finish[1].set()
    wait_until(lambda: len(started) == 3)
    assert limit.waiting == 2
    for each in finish:
        each.set()
    for call in calls:
        call.result(30)
    assert sorted(started) == list(range(5))


def test_too_many_waiting_requests_are_refused() -> None:
    limit = ConcurrencyLimit(1, max_waiting=0)
    with limit, pytest.raises(Busy), limit:
        pass
    with limit:  # The refusal has not used up the limit.
        pass


def test_work_is_waited_for_until_the_deadline() -> None:
    limit = ConcurrencyLimit(1, max_waiting=1)
    with limit, deadline.within(Deadline(0, 0, 0)), pytest.raises(Busy), limit:
        pass
    assert limit.waiting == 0


def test_failed_work_lets_the_next_request_in() -> None:
    limit = ConcurrencyLimit(1, max_waiting=0)
    with pytest.raises(ZeroDivisionError), limit:
        raise ZeroDivisionError
    with limit:
        pass


@pytest.mark.django_db(transaction=True)
def test_two_lists_are_read_at_a_time(
    event: Event, pool: ThreadPoolExecutor, settings: Settings
) -> None:
    """Readers of long pages must not keep the event loop from sales, or use up the connections."""
    settings.REQUEST_TIMEOUT = 30
    paths = ["bookings", "events", f"events/{event.slug}/changes"] * 3
    client = APIClient()
    event.refresh_from_db()
    with second_connection() as other:
        other.execute(
            "LOCK TABLE reservations_booking, reservations_change IN ACCESS EXCLUSIVE MODE"
        )
        calls = []
        for path in paths:
            get = partial(client.get, f"/api/v1/{path}")
            calls.append(pool.submit(run_and_disconnect, get))
            if path != "events":
                wait_for_lock_waiters(min(len(calls), 2))
        connection.close()
        wait_until(lambda: views.lists.waiting >= 4)
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]
        assert stats["pool_size"] - stats["pool_available"] == 2
    assert {call.result(30).status_code for call in calls} == {200}


@pytest.mark.django_db(transaction=True)
def test_waiting_lists_leave_room_for_other_requests(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, pool: ThreadPoolExecutor
) -> None:
    settings.REQUEST_TIMEOUT = 30
    half = settings.MAX_CONCURRENT_REQUESTS // 2
    monkeypatch.setattr(views.lists, "waiting", half)
    get = partial(APIClient().get, "/api/v1/events")
    with views.lists, views.lists:
        call = pool.submit(run_and_disconnect, get)
        wait_until(lambda: call.done() or views.lists.waiting > half)
        assert call.done()
        assert call.result().status_code == 503
