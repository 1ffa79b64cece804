"""The read-only pages of the change history."""

from datetime import UTC, datetime

from django.test import Client

from reservations.models import Event
from reservations.tests.admin.pages import CHANGES, EVENTS, page_of, shown
from reservations.tests.factories import EventFactory, reserve


def test_changes_are_listed_newest_first(admin_client: Client, event: Event) -> None:
    other = EventFactory.create()
    for sold in (event, other, event):
        reserve(sold)
    rows = shown(admin_client.get(CHANGES))
    assert [(row.event, row.version) for row in rows] == [(event, 2), (other, 1), (event, 1)]


def test_changes_of_one_event_are_listed_by_version(admin_client: Client, event: Event) -> None:
    for _ in range(3):
        reserve(event)
    # As if its id had been generated on a host whose clock is ahead.
    event.changes.filter(version=1).update(id="ffffffff-0000-7000-8000-000000000000")
    rows = shown(admin_client.get(f"{CHANGES}?event__id__exact={event.pk}"))
    assert [row.version for row in rows] == [3, 2, 1]


def test_times_are_shown_to_the_second_in_utc(admin_client: Client, event: Event) -> None:
    reserve(event)
    event.changes.update(at=datetime(2027, 1, 31, 20, 0, 5, tzinfo=UTC))
    for page in (CHANGES, page_of(EVENTS, event.pk)):
        assert "31 Jan 2027, 20:00:05 UTC" in admin_client.get(page).content.decode()


def test_changes_can_be_filtered_by_kind(admin_client: Client, event: Event) -> None:
    reserve(event)
    assert len(shown(admin_client.get(f"{CHANGES}?kind__exact=confirmed"))) == 1
    assert shown(admin_client.get(f"{CHANGES}?kind__exact=edited")) == []
