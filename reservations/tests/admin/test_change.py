"""The history, read-only."""

from datetime import UTC, datetime

from django.test import Client

from reservations.models import Event
from reservations.tests.admin.pages import CHANGES, EVENTS, page_of, shown
from reservations.tests.factories import EventFactory, reserve


def test_newest_first(boss: Client, event: Event) -> None:
    other = EventFactory.create()
    for sold in (event, other, event):
        reserve(sold)
    rows = shown(boss.get(CHANGES))
    assert [(row.event, row.version) for row in rows] == [(event, 2), (other, 1), (event, 1)]


def test_one_events_history_is_in_the_order_of_its_versions(boss: Client, event: Event) -> None:
    for _ in range(3):
        reserve(event)
    # Hosts' clocks differ, and ids are made by them.
    event.changes.filter(version=1).update(id="ffffffff-0000-7000-8000-000000000000")
    rows = shown(boss.get(f"{CHANGES}?event__id__exact={event.pk}"))
    assert [row.version for row in rows] == [3, 2, 1]


def test_times_are_exact(boss: Client, event: Event) -> None:
    reserve(event)
    event.changes.update(at=datetime(2027, 1, 31, 20, 0, 5, tzinfo=UTC))
    for page in (CHANGES, page_of(EVENTS, event.pk)):
        assert "31 Jan 2027, 20:00:05 UTC" in boss.get(page).content.decode()


def test_filter_by_kind(boss: Client, event: Event) -> None:
    reserve(event)
    assert len(shown(boss.get(f"{CHANGES}?kind__exact=confirmed"))) == 1
    assert shown(boss.get(f"{CHANGES}?kind__exact=edited")) == []
