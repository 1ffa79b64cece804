"""An event is deleted with SQL while it is being sold: it stays, or the sale is refused."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event as Signal
from typing import Any

import psycopg
import pytest
from django.db import connection

from reservations.audit import find_orphans
from reservations.ledger.unit_of_work import UnitOfWork
from reservations.models import Event
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.concurrency.requests import post_reservation
from reservations.tests.database import (
    run_and_disconnect,
    second_connection,
    wait_for_lock_waiters,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

TRIGGER = "event_without_history_deleted"


def delete(event: Event, other: psycopg.Connection) -> int:
    return other.execute("DELETE FROM reservations_event WHERE id = %s", [event.pk]).rowcount


@pytest.fixture
def without_trigger(db: None) -> Iterator[None]:
    """Let any event be deleted."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE reservations_event DISABLE TRIGGER {TRIGGER}")
        yield
        cursor.execute(f"ALTER TABLE reservations_event ENABLE TRIGGER {TRIGGER}")


def delete_during_sale(event: Event, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Delete the event while a sale has locked it and has not written yet.

    Returns:
        The status code of the sale, and the number of deleted events.
    """
    sale_has_locked, delete_waits = Signal(), Signal()
    save = UnitOfWork.save

    def save_later(work: UnitOfWork, *arguments: Any) -> None:
        sale_has_locked.set()
        assert delete_waits.wait(timeout=30)
        save(work, *arguments)

    monkeypatch.setattr(UnitOfWork, "save", save_later)
    with ThreadPoolExecutor(2) as pool, second_connection(autocommit=True) as other:
        sale = pool.submit(run_and_disconnect, partial(post_reservation, event, 1))
        assert sale_has_locked.wait(timeout=30)
        deletion = pool.submit(delete, event, other)
        wait_for_lock_waiters()
        delete_waits.set()
        code = sale.result(timeout=30)
        try:
            return code, deletion.result(timeout=30)
        except psycopg.errors.RestrictViolation:
            return code, 0


def test_delete_waits_for_a_sale_and_is_refused(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delete_during_sale(event, monkeypatch) == (201, 0)
    assert_inventory(event, available=9, version=1, reservations=1)
    assert_no_drift()


@pytest.mark.usefixtures("without_trigger")
def test_event_is_lost_during_a_sale_without_the_trigger(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control experiment: without the trigger, the reservation refers to no event."""
    assert delete_during_sale(event, monkeypatch) == (201, 1)
    assert [orphan.column for orphan in find_orphans()] == ["reservation.event", "change.event"]


@pytest.mark.parametrize(("end", "code"), [("commit", 404), ("rollback", 201)])
def test_sale_waits_for_a_delete(event: Event, end: str, code: int) -> None:
    with ThreadPoolExecutor(1) as pool, second_connection() as other:
        assert delete(event, other) == 1
        sale = pool.submit(run_and_disconnect, partial(post_reservation, event, 1))
        wait_for_lock_waiters()
        getattr(other, end)()
        assert sale.result(timeout=30) == code
    assert_no_drift()
