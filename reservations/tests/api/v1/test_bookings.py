"""GET /api/v1/bookings, and GET and cancel one."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from reservations.errors import Busy
from reservations.ledger import submit
from reservations.ledger.commands import CancelBooking
from reservations.models import Booking, Event
from reservations.tests.api.client import BAD_IDS, post
from reservations.tests.api.v1.client import BAD_NUMBERS, BOOKINGS, assert_invalid
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, setting
from reservations.tests.factories import EventFactory, book, hold

pytestmark = pytest.mark.django_db

NOT_FOUND = {"error": "BookingNotFound", "message": "Booking not found"}


def listed(client: APIClient, **query: Any) -> list[str]:
    answer = client.get(BOOKINGS, query)
    assert answer.status_code == 200, answer.content
    assert answer.json()["pagination"]["total"] == len(answer.json()["data"])
    return [each["id"] for each in answer.json()["data"]]


def test_newest_first(event: Event, client: APIClient, slash: str) -> None:
    other = EventFactory.create()
    first, second = book((event, 1)), book((other, 2), (event, 1), email="b@example.com")
    answer = client.get(BOOKINGS + slash)
    shown = [client.get(f"{BOOKINGS}/{each}").json()["data"] for each in (second, first)]
    assert (answer.status_code, answer.json()) == (
        200,
        {"data": shown, "pagination": {"page": 1, "limit": 20, "total": 2, "totalPages": 1}},
    )
    assert [item["eventId"] for item in shown[0]["items"]] == [other.slug, event.slug]


def test_filters(event: Event, client: APIClient) -> None:
    other = EventFactory.create()
    a = str(book((event, 1), email="A@example.com"))
    b = str(book((other, 1), (event, 1), email="b@example.com"))
    c = str(book((other, 1), email="a@example.com"))
    post(client, f"{BOOKINGS}/{c}/cancel")
    assert listed(client) == [c, b, a]
    assert listed(client, email="a@EXAMPLE.com") == [c, a]
    assert listed(client, email=" b@example.com ") == [b]
    assert listed(client, email="nobody@example.com") == []
    assert listed(client, status="CONFIRMED") == [b, a]
    assert listed(client, status="CANCELLED") == [c]
    assert listed(client, eventId=event.slug) == [b, a]
    assert listed(client, eventId=other.slug, status="CANCELLED", email="a@example.com") == [c]
    for unknown in ("none", "", "\x00", "\u00e4"):
        assert listed(client, eventId=unknown) == []


@pytest.mark.parametrize("status", ["confirmed", "", "x", "CONFIRMED,CANCELLED", "\x00"])
def test_unknown_status(event: Event, client: APIClient, status: str) -> None:
    answer = client.get(BOOKINGS, {"status": status})
    assert_invalid(answer, ("status", "must be one of CONFIRMED, CANCELLED"))


@pytest.mark.parametrize("email", ["", "x", "a@b", "\x00"])
def test_bad_email(event: Event, client: APIClient, email: str) -> None:
    answer = client.get(BOOKINGS, {"email": email})
    assert_invalid(answer, ("email", "must be a valid email"))


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_every_fault_at_once(event: Event, client: APIClient, bad: str) -> None:
    answer = client.get(BOOKINGS, {"page": bad, "limit": "x", "email": "x", "status": "x"})
    assert answer.status_code == 400
    paths = [fault["path"] for fault in answer.json()["details"]]
    assert paths == ["page", "limit", "email", "status"]


def test_pages(event: Event, client: APIClient) -> None:
    made = [str(book((event, 1))) for _ in range(3)][::-1]
    answer = client.get(BOOKINGS, {"page": 2, "limit": 2}).json()
    assert [each["id"] for each in answer["data"]] == made[2:]
    assert answer["pagination"] == {"page": 2, "limit": 2, "total": 3, "totalPages": 2}
    past = client.get(BOOKINGS, {"page": 3, "limit": 2}).json()
    assert (past["data"], past["pagination"]["totalPages"]) == ([], 2)


def test_no_bookings(event: Event, client: APIClient) -> None:
    assert client.get(BOOKINGS).json() == {
        "data": [],
        "pagination": {"page": 1, "limit": 20, "total": 0, "totalPages": 0},
    }


@pytest.mark.parametrize("number", [1, 3])
def test_queries(client: APIClient, number: int) -> None:
    events = EventFactory.create_batch(number)
    bookings = [book(*((event, 1) for event in events)) for _ in range(number)]
    with CaptureQueriesContext(connection) as queries:
        client.get(BOOKINGS)
    assert len(queries) == 3
    with CaptureQueriesContext(connection) as queries:
        client.get(f"{BOOKINGS}/{bookings[0]}")
    assert len(queries) == 2


@pytest.mark.parametrize("unknown", [*BAD_IDS, str(uuid4())])
@pytest.mark.parametrize(("method", "rest"), [("get", ""), ("post", "/cancel")])
def test_unknown(event: Event, client: APIClient, unknown: str, method: str, rest: str) -> None:
    answer = client.generic(method.upper(), f"{BOOKINGS}/{unknown}{rest}")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_a_reservation_is_no_booking(event: Event, client: APIClient) -> None:
    answer = post(client, f"{BOOKINGS}/{hold(event)}/cancel")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_cancel(event: Event, client: APIClient, slash: str) -> None:
    other = EventFactory.create()
    booking = book((other, 2), (event, 3))
    before = client.get(f"{BOOKINGS}/{booking}").json()["data"]
    answer = post(client, f"{BOOKINGS}/{booking}/cancel{slash}")
    assert (answer.status_code, answer.json()) == (
        200,
        {"data": before | {"status": "CANCELLED"}},
    )
    assert client.get(f"{BOOKINGS}/{booking}").json() == answer.json()
    assert_inventory(event, available=10, version=2, reservations=0)
    assert_inventory(other, available=10, version=2, reservations=0)
    again = post(client, f"{BOOKINGS}/{booking}/cancel{slash}")
    assert (again.status_code, again.json()) == (
        409,
        {"error": "BookingAlreadyCancelled", "message": "Booking is already cancelled"},
    )
    assert_inventory(event, available=10, version=2, reservations=0)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods(event: Event, client: APIClient, method: str) -> None:
    answer = getattr(client, method)(f"{BOOKINGS}/{book((event, 1))}/cancel")
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.django_db(transaction=True)
def test_busy(event: Event, client: APIClient) -> None:
    booking = book((event, 1))
    with locked(event), setting("lock_timeout", "100ms"):
        answer = post(client, f"{BOOKINGS}/{booking}/cancel")
    assert (answer.status_code, answer["Retry-After"], answer.json()) == (
        503,
        "1",
        {"error": "Busy", "message": "Server is too busy, please try again"},
    )
    with locked(event), setting("lock_timeout", "100ms"), pytest.raises(Busy):
        submit(CancelBooking(booking_id=booking, actor="test"))
    assert Booking.objects.get().status == "confirmed"


def test_an_unknown_route_is_the_same_everywhere(client: APIClient, db: None) -> None:
    answer = client.get("/api/v1/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found", "code": "not_found"})
