"""What holds for all pages of the admin."""

import re

import pytest
from django.db.models import Model
from django.test import Client

from reservations.models import Booking, Change, Event, Reservation
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    CHANGES,
    EVENTS,
    RESERVATIONS,
    page_of,
    statements,
)
from reservations.tests.factories import EventFactory, book, reserve

MODELS = {EVENTS: Event, RESERVATIONS: Reservation, BOOKINGS: Booking, CHANGES: Change}
PAGES = list(MODELS)


@pytest.fixture
def sold(sold: Event) -> Event:
    """The same, with a booking too."""
    book(sold)
    return sold


def row(page: str) -> Model:
    found = MODELS[page]._default_manager.order_by("pk").first()
    assert found
    return found


@pytest.mark.parametrize("page", PAGES)
def test_lists_and_details_are_shown(boss: Client, sold: Event, page: str) -> None:
    detail = page_of(page, row(page).pk)
    for url, text in ((page, detail), (detail, "Node.js Meet-up")):
        answer = boss.get(url)
        assert answer.status_code == 200
        assert text in answer.content.decode()


@pytest.mark.parametrize("page", [RESERVATIONS, BOOKINGS, CHANGES])
def test_no_form_changes_what_the_ledger_writes(boss: Client, sold: Event, page: str) -> None:
    before = row(page)
    assert "Save" not in boss.get(page_of(page, before.pk)).content.decode()
    values = {"seats": 1, "status": "cancelled", "available_seats": 9}
    assert boss.post(f"{page}add/", values).status_code == 403
    assert boss.post(page_of(page, before.pk), values).status_code == 403
    after = row(page)
    assert {f.attname: getattr(after, f.attname) for f in after._meta.concrete_fields} == {
        f.attname: getattr(before, f.attname) for f in before._meta.concrete_fields
    }


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_deleted(boss: Client, sold: Event, page: str) -> None:
    pk = row(page).pk
    assert boss.post(f"{page}{pk}/delete/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"}
    boss.post(page, data)
    assert row(page).pk == pk


@pytest.mark.parametrize("page", PAGES)
def test_queries_do_not_grow_with_the_rows(boss: Client, sold: Event, page: str) -> None:
    detail = page_of(page, row(page).pk)
    statements(boss, page)  # fills the cache of content types
    few = [len(statements(boss, path)) for path in (page, detail)]
    for _ in range(2):
        reserve(sold)
        book(sold)
    EventFactory.create_batch(2)
    assert [len(statements(boss, path)) for path in (page, detail)] == few


@pytest.mark.parametrize(
    "url",
    [
        *PAGES,
        f"{RESERVATIONS}?q=acme",
        f"{RESERVATIONS}?status__exact=confirmed",
        f"{RESERVATIONS}?status__exact=held",
        f"{RESERVATIONS}?event__id__exact=1",
        f"{BOOKINGS}?q=ada@example.com",
        f"{BOOKINGS}?status__exact=confirmed",
        f"{BOOKINGS}?event=1",
        f"{CHANGES}?kind__exact=confirmed",
    ],
)
def test_no_list_counts_or_reads_a_whole_table(boss: Client, sold: Event, url: str) -> None:
    asked = [sql for sql in statements(boss, url) if '"reservations_' in sql]
    assert asked
    for sql in asked:
        assert "COUNT(" not in sql
        assert "DISTINCT" not in sql
        assert re.search(r"LIMIT \d+|IN \(1\)$|\"booking_id\" IN \(", sql)


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=" + "x" * 5000,
        "p=0",
        "p=x",
        "p=" + "9" * 30,
        "o=99",
        "all=1",
        "status__exact=%00",
        "partner=%00",
        "event__id__exact=%00",
        "event__id__exact=" + "9" * 30,
        "id__exact=nonsense",
        "created_at_from=nonsense",
        "created_at_from=%00",
        "created_at_to=9999-12-31",
        "created_at__year=99999999",
        "created_at__year=99999999999999999999",
        "seats__range=1",
        "nonsense=1",
        "e=1",
    ],
)
def test_a_wrong_query_string_does_not_crash(boss: Client, sold: Event, query: str) -> None:
    assert boss.get(f"{RESERVATIONS}?{query}", follow=True).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        f"{EVENTS}?slug=%00",
        f"{EVENTS}add/?starts_at=zz",
        f"{BOOKINGS}?q=%00",
        f"{BOOKINGS}?event=nonsense",
        f"{BOOKINGS}?event=%00",
        f"{BOOKINGS}?event=" + "9" * 30,
        f"{BOOKINGS}?status__exact=%00",
        f"{BOOKINGS}?created_at_from=nonsense",
        f"{BOOKINGS}?nonsense=1",
        f"{CHANGES}?kind__exact=%00",
        f"{CHANGES}?at__year=99999999",
    ],
)
def test_a_wrong_query_string_elsewhere(boss: Client, sold: Event, url: str) -> None:
    assert boss.get(url, follow=True).status_code == 200


@pytest.mark.parametrize("pk", ["%00", "9" * 30, "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("page", PAGES)
def test_a_row_that_is_not_there(boss: Client, sold: Event, page: str, pk: str) -> None:
    assert boss.get(page_of(page, pk), follow=True).status_code == 200


def test_autocomplete_survives_nul(boss: Client, sold: Event) -> None:
    query = "app_label=reservations&model_name=reservation&field_name=event"
    assert boss.get(f"/admin/autocomplete/?{query}&term=%00").status_code == 200
    found = boss.get(f"/admin/autocomplete/?{query}&term=meet").json()["results"]
    assert [each["text"] for each in found] == ["Node.js Meet-up"]


def test_visitors_are_redirected_to_the_login(db: None) -> None:
    for page in PAGES:
        assert Client().get(page).status_code == 302
    assert Client().get("/admin")["Location"] == "/admin/"


@pytest.mark.parametrize("page", PAGES)
def test_staff_without_a_permission_see_nothing(login: Login, sold: Event, page: str) -> None:
    client = login()
    assert client.get(page).status_code == 403
    assert client.get(page_of(page, row(page).pk)).status_code == 403
    assert page not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("page", ["user", "group"])
def test_accounts_are_shown(boss: Client, page: str) -> None:
    assert boss.get(f"/admin/auth/{page}/").status_code == 200
    assert boss.get(f"/admin/auth/{page}/add/").status_code == 200
