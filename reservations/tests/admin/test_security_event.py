"""The pages of the audit log: read-only, in words, and without reading the complete table."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from reservations.models import SecurityEvent
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import SECURITY_EVENTS, page_of, rows_read, shown

TABLE = "reservations_securityevent"


def store(**values: Any) -> SecurityEvent:
    return SecurityEvent.objects.create(
        **{"kind": "key_created", "actor": "test", "subject": "key:k3j9", **values}
    )


def store_rows(number: int) -> None:
    SecurityEvent.objects.bulk_create(
        SecurityEvent(kind="login", actor=f"admin:{each}", subject=f"user:{each}")
        for each in range(number)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")


def test_events_are_listed_newest_first(admin_client: Client) -> None:
    old, new = store(at=Now() - timedelta(days=2)), store(at=Now() - timedelta(days=1))
    assert shown(admin_client.get(SECURITY_EVENTS))[-2:] == [new, old]


def test_event_is_shown_in_words(admin_client: Client) -> None:
    event = store(
        kind="rights_taken",
        client="192.0.2.x",
        details={"groups": ["managers (3)", "clerks (4)"], "members": [], "deleted": True},
    )
    for page in (SECURITY_EVENTS, page_of(SECURITY_EVENTS, event.pk)):
        content = admin_client.get(page).content.decode()
        assert "Rights taken" in content
        assert "192.0.2.x" in content
        assert "groups: managers (3), clerks (4); deleted; members: none" in content


def test_typed_text_is_escaped(admin_client: Client) -> None:
    store(details={"name": "<b>••• (9)"})
    assert "name: &lt;b&gt;••• (9)" in admin_client.get(SECURITY_EVENTS).content.decode()


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("kind__exact=key_created", 2),
        ("kind__exact=key_revoked", 0),
        ("at_from=2020-01-01&at_to=2020-01-02", 1),
        ("q=test", 2),
        ("q=key:k3j9", 2),
        ("q=k3j9", 0),
        ("q=manage.py partner", 1),
    ],
)
def test_events_can_be_filtered_and_searched(admin_client: Client, query: str, number: int) -> None:
    store()
    store(at="2020-01-02T23:59:59Z")
    store(kind="partner_created", actor="manage.py partner create", subject="partner:seatwave")
    assert len(shown(admin_client.get(f"{SECURITY_EVENTS}?{query}"))) == number


@pytest.mark.parametrize(
    "query", ["q=%00", "kind__exact=%00", "at_from=nonsense", "at__year=9999999"]
)
def test_list_of_events_accepts_any_query_string(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{SECURITY_EVENTS}?{query}", follow=True).status_code == 200


def test_events_cannot_be_added_edited_or_deleted(admin_client: Client) -> None:
    event = store()
    page = page_of(SECURITY_EVENTS, event.pk)
    assert "Save" not in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"actor": "nobody"}).status_code == 403
    assert admin_client.post(f"{SECURITY_EVENTS}add/", {"actor": "x"}).status_code == 403
    delete = {"post": "yes"}
    assert admin_client.post(f"{SECURITY_EVENTS}{event.pk}/delete/", delete).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": str(event.pk)}
    admin_client.post(SECURITY_EVENTS, selected | delete)
    assert SecurityEvent.objects.get(pk=event.pk).actor == "test"


def test_events_need_the_view_permission(login: Login) -> None:
    client = login()
    assert client.get(SECURITY_EVENTS).status_code == 403
    assert SECURITY_EVENTS not in client.get("/admin/").content.decode()
    viewer = login("view_securityevent", username="viewer")
    assert viewer.get(SECURITY_EVENTS).status_code == 200
    assert f'href="{SECURITY_EVENTS}"' in viewer.get("/admin/").content.decode()


@pytest.mark.usefixtures("planned_for_large_tables")
@pytest.mark.parametrize("query", ["", "?kind__exact=login", "?at_from=2020-01-01"])
def test_list_reads_no_more_rows_as_the_log_grows(admin_client: Client, query: str) -> None:
    store_rows(300)
    before = rows_read(admin_client, f"{SECURITY_EVENTS}{query}")[TABLE]
    store_rows(300)
    assert rows_read(admin_client, f"{SECURITY_EVENTS}{query}")[TABLE] == before


@pytest.mark.parametrize("term", ["admin:7", "user:7"])
def test_search_reads_only_what_it_finds(admin_client: Client, term: str) -> None:
    store_rows(3000)
    found = len(shown(admin_client.get(f"{SECURITY_EVENTS}?q={term}77")))
    assert rows_read(admin_client, f"{SECURITY_EVENTS}?q={term}77")[TABLE] == found > 0
