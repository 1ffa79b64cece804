"""Migrations forward and back; the seed's reverse removes only an unsold seed."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_migrate, pre_migrate

from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.factories import EventFactory, reserve

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


def test_the_reverse_removes_an_unsold_seed_and_nothing_else() -> None:
    migrate("0001")
    other = EventFactory.create()
    migrate("0002")
    migrate("0001")
    assert list(Event.objects.all()) == [other]


def test_the_reverse_keeps_a_seed_that_was_sold_and_forward_finds_it() -> None:
    migrate("0001")
    migrate("0002")
    reserve(Event.objects.get(slug=DEFAULT_EVENT), seats=2)
    migrate("0001")
    migrate("0002")
    assert Event.objects.get(slug=DEFAULT_EVENT).available_seats == 498


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
