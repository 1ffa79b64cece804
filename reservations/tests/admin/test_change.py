"""The read-only pages of the change history."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from rest_framework.test import APIClient

from reservations.models import Event
from reservations.tests.admin.pages import CHANGES, EVENTS, RESERVATIONS, page_of, shown
from reservations.tests.factories import EventFactory, PartnerFactory, issue, reserve


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


def test_changes_show_who_made_them_and_in_which_request(
    admin_client: Client, event: Event, keys: None
) -> None:
    token = issue(PartnerFactory.create(slug="abc-corp"))
    response = APIClient().post(
        "/reservations", {"seats": 1}, "json", HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    change = event.changes.get()
    for page in (CHANGES, page_of(CHANGES, change.pk)):
        content = admin_client.get(page).content.decode()
        assert response.headers["X-Request-ID"] in content
        assert f"partner:abc-corp/{token.id}" in content


@pytest.mark.parametrize(
    "actor", ["partner:abc-corp/k3j9x0a81bq2", "admin:berta", "manage.py event open", "expiry"]
)
def test_history_names_the_actor(admin_client: Client, event: Event, actor: str) -> None:
    pk = reserve(event)
    event.changes.update(actor=actor)
    for page in (EVENTS, RESERVATIONS):
        path = f"{page}{event.pk if page == EVENTS else pk}/history/"
        assert actor in admin_client.get(path).content.decode()
