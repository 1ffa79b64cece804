"""The admin shows everything and writes nothing behind the ledger's back."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reservations.models import Change, Event, Reservation
from reservations.tests.factories import EventFactory, reserve

PAGES = ["event", "reservation", "change"]


@pytest.fixture
def boss(db: None) -> Client:
    """A browser, logged in as somebody with every permission."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture
def sold(event: Event) -> Event:
    reserve(event, seats=3, partner="acme")
    return event


def row(page: str) -> Event | Reservation | Change:
    match page:
        case "event":
            return Event.objects.get()
        case "reservation":
            return Reservation.objects.get()
        case _:
            return Change.objects.get()


@pytest.mark.parametrize("page", PAGES)
def test_lists_and_details_are_shown(boss: Client, sold: Event, page: str) -> None:
    listing = boss.get(f"/admin/reservations/{page}/")
    assert listing.status_code == 200
    assert "Node.js Meet-up" in listing.content.decode()
    detail = boss.get(f"/admin/reservations/{page}/{row(page).pk}/change/")
    assert detail.status_code == 200
    assert "Save" not in detail.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_nothing_can_be_written(boss: Client, sold: Event, page: str) -> None:
    before = row(page)
    pk = before.pk
    values = {"name": "x", "slug": "x", "total_seats": 1, "available_seats": 1, "seats": 1}
    assert boss.post(f"/admin/reservations/{page}/add/", values).status_code == 403
    assert boss.post(f"/admin/reservations/{page}/{pk}/change/", values).status_code == 403
    assert boss.post(f"/admin/reservations/{page}/{pk}/delete/", {"post": "yes"}).status_code == 403
    delete = {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"}
    boss.post(f"/admin/reservations/{page}/", delete)
    after = row(page)
    assert {f.attname: getattr(after, f.attname) for f in after._meta.concrete_fields} == {
        f.attname: getattr(before, f.attname) for f in before._meta.concrete_fields
    }


@pytest.mark.parametrize(
    ("page", "query", "found"),
    [
        ("reservation", "acme", 1),
        ("reservation", "nobody", 0),
        ("reservation", "not-a-uuid", 0),
        ("event", "node", 1),
    ],
)
def test_search(boss: Client, sold: Event, page: str, query: str, found: int) -> None:
    answer = boss.get(f"/admin/reservations/{page}/?q={query}")
    assert answer.status_code == 200
    assert answer.context["cl"].result_count == found


def test_search_by_id(boss: Client, sold: Event) -> None:
    answer = boss.get(f"/admin/reservations/reservation/?q={Reservation.objects.get().pk}")
    assert answer.context["cl"].result_count == 1


@pytest.mark.parametrize("page", PAGES)
def test_queries_do_not_grow_with_the_rows(boss: Client, sold: Event, page: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            boss.get(f"/admin/reservations/{page}/")
        return len(queries)

    few = count()
    for _ in range(2):
        reserve(sold)
    EventFactory.create_batch(2)
    assert count() == few


def test_strangers_are_sent_to_the_login(db: None) -> None:
    assert Client().get("/admin/reservations/event/").status_code == 302
    assert Client().get("/admin")["Location"] == "/admin/"
