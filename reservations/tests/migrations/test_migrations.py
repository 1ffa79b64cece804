"""Migrations forward and back; the seed's reverse removes only an unsold seed."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate, pre_migrate

from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.factories import EventFactory, book, hold, reserve
from reservations.tests.queued_jobs import clear_jobs, jobs

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(target: str) -> None:
    call_command("migrate", "reservations", target, verbosity=0)


@pytest.fixture(autouse=True)
def newest_afterwards() -> Iterator[None]:
    yield
    call_command("migrate", "reservations", verbosity=0)


def test_the_seed() -> None:
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
    """Whatever columns the table has at the moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug, available_seats FROM reservations_event")
        return dict(cursor.fetchall())


def test_the_reverse_removes_an_unsold_seed_and_nothing_else() -> None:
    Event.objects.all().delete()
    other = EventFactory.create()
    migrate("0001")
    migrate("0002")
    assert available_seats() == {other.slug: 10, DEFAULT_EVENT: 500}
    migrate("0001")
    assert available_seats() == {other.slug: 10}


def test_the_reverse_keeps_a_seed_that_was_sold_and_forward_finds_it() -> None:
    Event.objects.all().delete()
    reserve(EventFactory.create(slug=DEFAULT_EVENT, total_seats=500), seats=2)
    migrate("0001")
    assert available_seats() == {DEFAULT_EVENT: 498}
    migrate("0002")
    assert available_seats() == {DEFAULT_EVENT: 498}


def test_what_was_sold_before_there_were_bookings_is_still_true(event: Event) -> None:
    reserve(event, seats=4)
    submit(Cancel(reservation_id=reserve(event, seats=1), actor="test"))
    migrate("0003")
    call_command("migrate", "reservations", verbosity=0)
    assert_inventory(event, available=6, version=3, reservations=1)
    assert_no_drift()


@pytest.mark.parametrize("take", [hold, lambda event, seats: book((event, seats))])
def test_holds_and_bookings_are_not_forgotten_on_the_way_back(
    event: Event, take: Callable[..., UUID]
) -> None:
    """Code that does not know them would sell their seats: the reverse changes nothing."""
    take(event, seats=4)
    with pytest.raises(IrreversibleError, match="there are bookings or holds"):
        migrate("0003")
    assert_no_drift()
    assert Event.objects.get().available_seats == 6


def test_the_app_can_be_migrated_alone_on_a_new_database() -> None:
    """Each migration finds the models it uses among those that it depends on."""
    loader = MigrationLoader(None)
    state = loader.project_state(("reservations", "0006_remove_upkeep_jobs"), at_end=False)
    assert state.apps.get_model("procrastinate", "ProcrastinateJob")


def test_jobs_in_a_queue_that_has_another_name_now_are_removed() -> None:
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


def test_migrations_have_timeouts_of_their_own_and_give_them_back() -> None:
    seen: list[tuple[str, ...]] = []

    def look(**_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
            seen.append(cursor.fetchone())

    for moment in (pre_migrate, post_migrate):
        moment.connect(look, weak=False, dispatch_uid="look")
    try:
        migrate("0001")
    finally:
        for moment in (pre_migrate, post_migrate):
            moment.disconnect(dispatch_uid="look")
    assert ("0", "10s", "0") in seen
    assert seen[-1] == ("10s", "3s", "10s")
