"""Applying and reversing migrations, and what happens to the data."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Now
from django.db.models.signals import post_migrate, pre_migrate

from reservations.ledger import submit
from reservations.ledger.commands import Cancel, OpenSales, PauseSales
from reservations.models import DEFAULT_EVENT, Booking, Change, Event, Partner
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import (
    locked,
    run_and_disconnect,
    second_connection,
    wait_for_lock_waiters,
)
from reservations.tests.factories import EventFactory, PartnerFactory, book, hold, issue, reserve
from reservations.tests.queued_jobs import clear_jobs, jobs

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(target: str) -> None:
    call_command("migrate", "reservations", target, verbosity=0)


@pytest.fixture(autouse=True)
def migrate_to_latest() -> Iterator[None]:
    """Apply all migrations again after the test."""
    yield
    call_command("migrate", "reservations", verbosity=0)


def test_migrations_create_the_default_event() -> None:
    migrate("zero")
    assert not {table for table in connection.introspection.table_names() if "reserv" in table}
    migrate("0002")
    assert Event.objects.values(
        "slug", "name", "venue", "starts_at", "total_seats", "available_seats", "version"
    ).get() == {
        "slug": "node-meetup-2025",
        "name": "Node.js Meet-up",
        "venue": None,
        "starts_at": None,
        "total_seats": 500,
        "available_seats": 500,
        "version": 0,
    }


def available_seats() -> dict[str, int]:
    """Return the available seats by slug; does not depend on columns of later migrations."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug, available_seats FROM reservations_event")
        return dict(cursor.fetchall())


def test_reverse_removes_only_an_unsold_default_event() -> None:
    Event.objects.all().delete()
    other = EventFactory.create()
    migrate("0001")
    migrate("0002")
    assert available_seats() == {other.slug: 10, DEFAULT_EVENT: 500}
    migrate("0001")
    assert available_seats() == {other.slug: 10}


def test_reverse_keeps_a_default_event_with_sales() -> None:
    Event.objects.all().delete()
    reserve(EventFactory.create(slug=DEFAULT_EVENT, total_seats=500), seats=2)
    migrate("0001")
    assert available_seats() == {DEFAULT_EVENT: 498}
    migrate("0002")
    assert available_seats() == {DEFAULT_EVENT: 498}


def test_sales_stay_consistent_across_the_bookings_migration(event: Event) -> None:
    reserve(event, seats=4)
    submit(Cancel(reservation_id=reserve(event, seats=1), actor="test"))
    migrate("0003")
    call_command("migrate", "reservations", verbosity=0)
    assert_inventory(event, available=6, version=3, reservations=1)
    assert_no_drift()


@pytest.mark.parametrize(
    "take", [hold, lambda event, seats: book((event, seats))], ids=["hold", "booking"]
)
def test_reverse_is_refused_while_there_are_holds_or_bookings(
    event: Event, take: Callable[..., UUID]
) -> None:
    """Older code ignores holds and bookings, so it would sell their seats again."""
    take(event, seats=4)
    with pytest.raises(IrreversibleError, match="there are bookings or holds"):
        migrate("0003")
    assert available_seats() == {event.slug: 6}
    call_command("migrate", "reservations", verbosity=0)
    assert_no_drift()


def test_migrations_declare_the_apps_they_depend_on() -> None:
    """The app can be migrated alone on a new database."""
    loader = MigrationLoader(None)
    state = loader.project_state(("reservations", "0006_remove_upkeep_jobs"), at_end=False)
    assert state.apps.get_model("procrastinate", "ProcrastinateJob")


def test_jobs_of_the_renamed_queue_are_removed() -> None:
    clear_jobs()
    migrate("0005")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('upkeep', 'a', 'todo'), ('mail', 'b', 'todo')"
        )
    migrate("0006")
    assert (jobs("upkeep"), [job.task_name for job in jobs("mail")]) == ([], ["b"])
    clear_jobs()


def foreign_keys() -> set[tuple[str, ...]]:
    """Return the table and column of each foreign key constraint of a sale's tables."""
    found = set()
    for table in ("reservations_reservation", "reservations_change"):
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, table)
        for constraint in constraints.values():
            if constraint["foreign_key"]:
                found.add((table, *constraint["columns"]))
    return found


def test_sales_check_no_foreign_key_until_it_is_restored(event: Event) -> None:
    booking = ("reservations_reservation", "booking_id")
    reserve(event)
    assert foreign_keys() == {booking}
    migrate("0006")
    assert foreign_keys() == {
        booking,
        ("reservations_reservation", "event_id"),
        ("reservations_change", "event_id"),
        ("reservations_change", "reservation_id"),
    }
    call_command("migrate", "reservations", verbosity=0)
    assert foreign_keys() == {booking}
    assert_no_drift()


def test_foreign_keys_are_dropped_after_a_sale_in_flight(event: Event) -> None:
    migrate("0006")
    with ThreadPoolExecutor(1) as pool, locked(event) as sale:
        migration = pool.submit(run_and_disconnect, partial(migrate, "0007"))
        wait_for_lock_waiters()
        insert_change(sale, event)
        sale.commit()
        migration.result(timeout=30)
    call_command("migrate", "reservations", verbosity=0)
    assert_no_drift()


def test_list_indexes_do_not_deadlock_with_a_sale(event: Event) -> None:
    migrate("0009")
    with ThreadPoolExecutor(1) as pool, locked(event) as sale:
        sale.execute(
            "INSERT INTO reservations_booking (id, customer_email, status, created_at)"
            " VALUES (gen_random_uuid(), '', 'cancelled', now())"
        )
        migration = pool.submit(run_and_disconnect, partial(migrate, "0010"))
        wait_for_lock_waiters()
        sale.execute("UPDATE reservations_event SET venue = 'Hall' WHERE id = %s", [event.pk])
        sale.commit()
        migration.result(timeout=30)


def test_list_indexes_are_built_again_after_a_failure() -> None:
    migrate("0009")
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX reservation_event_status ON reservations_reservation (id)")
    migrate("0010")


def insert_change(session: psycopg.Connection, event: Event) -> None:
    """Insert the first change of an event, as every version of the code can."""
    session.execute(
        "INSERT INTO reservations_change"
        " (id, event_id, version, kind, seats, available_seats, actor)"
        " VALUES (gen_random_uuid(), %s, 1, 'edited', 0, 10, 'test')",
        [event.pk],
    )
    session.execute("UPDATE reservations_event SET version = 1 WHERE id = %s", [event.pk])


def insert_as_the_old_version(slug: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reservations_event (slug, name, total_seats, available_seats,"
            " reservation_count, version) VALUES (%s, 'An event', 10, 10, 0, 0)",
            [slug],
        )


def test_events_of_the_old_version_are_on_sale(event: Event) -> None:
    migrate("0012")
    insert_as_the_old_version("before")
    call_command("migrate", "reservations", verbosity=0)
    insert_as_the_old_version("after")
    for each in Event.objects.all():
        assert (each.sales_paused, each.sales_open_at, each.sales_close_at) == (False, None, None)
        reserve(each)


def test_sales_control_is_added_after_a_sale_in_flight(event: Event) -> None:
    migrate("0012")
    with ThreadPoolExecutor(1) as pool, locked(event) as sale:
        migration = pool.submit(run_and_disconnect, partial(migrate, "0013_sales_control"))
        wait_for_lock_waiters()
        insert_change(sale, event)
        sale.commit()
        migration.result(timeout=30)
    call_command("migrate", "reservations", verbosity=0)
    assert_no_drift()


def test_existing_changes_are_checked_while_sales_continue(event: Event) -> None:
    reserve(event)
    migrate("0012")
    migrate("0013_sales_control")
    assert not change_kinds_are_validated()
    with second_connection() as other:
        # The locks of a sale.
        other.execute("LOCK TABLE reservations_event, reservations_change IN ROW EXCLUSIVE MODE")
        migrate("0014_validate_change_kinds")
    assert change_kinds_are_validated()


def change_kinds_are_validated() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT convalidated FROM pg_constraint WHERE conname = 'change_kind_fits_seats'"
        )
        [validated] = cursor.fetchone()
    return bool(validated)


def test_reverse_records_pauses_as_edits(event: Event) -> None:
    submit(PauseSales(event=event.slug, actor="test"))
    submit(OpenSales(event=event.slug, actor="test"))
    reserve(event)
    migrate("0012")
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM reservations_change ORDER BY version")
        assert cursor.fetchall() == [("edited",), ("edited",), ("confirmed",)]
    call_command("migrate", "reservations", verbosity=0)
    assert_inventory(event, available=9, version=3, reservations=1)
    assert_no_drift()


@pytest.mark.parametrize(
    "limit",
    [
        {"sales_paused": True},
        {"sales_open_at": Now() + timedelta(hours=1)},
        {"sales_close_at": Now() + timedelta(hours=1)},
    ],
    ids=["paused", "opens-later", "closes"],
)
def test_reverse_is_refused_while_sales_are_limited(event: Event, limit: dict[str, Any]) -> None:
    """Older code would sell the event."""
    Event.objects.update(**limit)
    with pytest.raises(IrreversibleError, match="would sell events whose sales are paused"):
        migrate("0012")
    Event.objects.update(sales_paused=False, sales_open_at=None, sales_close_at=None)
    migrate("0012")


def test_old_version_sells_on_the_tables_of_partners(event: Event) -> None:
    with second_connection() as other:
        other.execute(
            "INSERT INTO reservations_booking (id, customer_email, status, created_at)"
            " VALUES (gen_random_uuid(), 'ada@example.com', 'confirmed', now())"
        )
        insert_change(other, event)
    assert list(Booking.objects.values_list("partner")) == [("",)]
    assert list(Change.objects.values_list("request_id")) == [("",)]
    assert_no_drift()


def test_partners_are_added_after_a_sale_in_flight(event: Event) -> None:
    migrate("0015")
    with ThreadPoolExecutor(1) as pool, second_connection() as sale:
        # The tables in the order of a sale: first the keys, at last the changes.
        sale.execute("LOCK TABLE reservations_idempotencyrecord IN ROW EXCLUSIVE MODE")
        migration = pool.submit(run_and_disconnect, partial(migrate, "0016"))
        wait_for_lock_waiters()
        insert_change(sale, event)
        sale.commit()
        migration.result(timeout=30)
    call_command("migrate", "reservations", verbosity=0)
    assert_no_drift()


def test_migration_of_partners_can_be_reversed(event: Event) -> None:
    reserve(event)
    issue(PartnerFactory.create())
    migrate("0015")
    call_command("migrate", "reservations", verbosity=0)
    assert not Partner.objects.exists()
    assert_no_drift()


def test_migrations_lift_the_timeouts_and_restore_them() -> None:
    seen: list[tuple[str, ...]] = []

    def record_timeouts(**_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
            seen.append(cursor.fetchone())

    for signal in (pre_migrate, post_migrate):
        signal.connect(record_timeouts, weak=False, dispatch_uid="record_timeouts")
    try:
        migrate("0001")
    finally:
        for signal in (pre_migrate, post_migrate):
            signal.disconnect(dispatch_uid="record_timeouts")
    assert ("0", "10s", "0") in seen
    assert seen[-1] == ("8s", "0", "8s")


def test_existing_bookings_get_a_canonical_email(event: Event) -> None:
    book(event, email="Ada@B\u00dcCHER.example")
    migrate("0007")
    call_command("migrate", "reservations", verbosity=0)
    booking = Booking.objects.get()
    assert booking.customer_email == "Ada@B\u00dcCHER.example"
    assert booking.canonical_email == "ada@xn--bcher-kva.example"
