"""Control experiment: without the lock, the same race oversells or violates a constraint."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import partial
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from reservations.ledger import lock, unit_of_work
from reservations.models import Change, Event
from reservations.tests.assertions import live_seats
from reservations.tests.concurrency.threads import run_together
from reservations.tests.factories import reserve

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # With group commit, the buyers would share a transaction.
    pytest.mark.parametrize("group_commit", [False], indirect=True, ids=["single-commits"]),
    pytest.mark.xdist_group("races"),
]

# Fewer than the connections of the pool, because all buyers read before any of them writes.
BUYERS = 6


@pytest.fixture
def no_lock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read events without a lock, and let all buyers read before any of them writes."""
    barrier = Barrier(BUYERS)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda events, **_: events)
    lock._lock_then_read_clock.cache_clear()

    def read_events(**names: Collection[Any]) -> Any:
        events = lock.lock_events(**names)
        barrier.wait(timeout=30)
        return events

    monkeypatch.setattr(unit_of_work, "lock_events", read_events)
    yield
    lock._lock_then_read_clock.cache_clear()


@pytest.fixture
def no_unique_version(db: None) -> Iterator[None]:
    """Drop the constraint that allows one change per version of an event."""
    [constraint] = [c for c in Change._meta.constraints if c.name == "change_event_version_unique"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Change, constraint)
    yield
    Change.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(Change, constraint)


def attempt(call: Callable[[], object]) -> str:
    try:
        call()
    except IntegrityError as error:
        cause = error.__cause__
        assert isinstance(cause, psycopg.Error)
        return str(cause.diag.constraint_name)
    return "sold"


@pytest.mark.usefixtures("no_unique_version", "no_lock")
def test_seats_are_oversold_without_lock_and_constraint(event: Event) -> None:
    results = run_together([partial(attempt, partial(reserve, event, seats=4))] * BUYERS)
    assert Counter(results) == {"sold": BUYERS}
    assert live_seats(event) == 4 * BUYERS > event.total_seats


@pytest.mark.usefixtures("no_lock")
def test_constraint_prevents_overselling_without_the_lock(event: Event) -> None:
    results = run_together([partial(attempt, partial(reserve, event, seats=4))] * BUYERS)
    assert Counter(results) == {"sold": 1, "change_event_version_unique": BUYERS - 1}
    assert live_seats(event) == 4
