"""GET /api/v1/bookings, GET /api/v1/bookings/{id} and POST .../{id}/cancel."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from reservations.errors import Busy
from reservations.ledger import submit
from reservations.ledger.commands import CancelBooking
from reservations.models import Booking, Event
from reservations.tests.api.client import INVALID_IDS, post
from reservations.tests.api.v1.client import BOOKINGS, INVALID_NUMBERS, assert_invalid
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, session_setting
from reservations.tests.factories import EventFactory, book, hold

pytestmark = pytest.mark.django_db

NOT_FOUND = {"error": "BookingNotFound", "message": "Booking not found"}


def listed(client: APIClient, **query: Any) -> list[str]:
    response = client.get(BOOKINGS, query)
    assert response.status_code == 200, response.content
    assert response.json()["pagination"]["total"] == len(response.json()["data"])
    return [each["id"] for each in response.json()["data"]]


def test_bookings_are_listed_newest_first(event: Event, client: APIClient, slash: str) -> None:
    other = EventFactory.create()
    first, second = book((event, 1)), book((other, 2), (event, 1), email="b@example.com")
    response = client.get(BOOKINGS + slash)
    shown = [client.get(f"{BOOKINGS}/{each}").json()["data"] for each in (second, first)]
    assert (response.status_code, response.json()) == (
        200,
        {
            "data": shown,
            "pagination": {
                "page": 1,
                "limit": 20,
                "total": 2,
                "totalPages": 1,
                "nextCursor": None,
            },
        },
    )
    assert [item["eventId"] for item in shown[0]["items"]] == [other.slug, event.slug]


def test_list_can_be_filtered_by_email_status_and_event(event: Event, client: APIClient) -> None:
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


def test_customer_is_found_by_any_notation_of_the_address(event: Event, client: APIClient) -> None:
    notations = ("ada@B\u00dcCHER.example", "Ada@bu\u0308cher.example", "ada@xn--bcher-kva.EXAMPLE")
    made = [str(book((event, 1), email=email)) for email in notations]
    book((event, 1), email="ada@bucher.example")
    for email in (*notations, "ADA@b\u00fccher.example"):
        assert listed(client, email=email) == made[::-1]


def test_domain_with_sharp_s_is_not_the_one_with_ss(event: Event, client: APIClient) -> None:
    sharp = str(book((event, 1), email="ada@stra\u00dfe.example"))
    double = str(book((event, 1), email="ada@strasse.example"))
    assert listed(client, email="ada@STRASSE.example") == [double]
    assert listed(client, email="ada@xn--strae-oqa.example") == [sharp]


@pytest.mark.parametrize("status", ["confirmed", "", "x", "CONFIRMED,CANCELLED", "\x00"], ids=repr)
def test_unknown_status_is_rejected(event: Event, client: APIClient, status: str) -> None:
    response = client.get(BOOKINGS, {"status": status})
    assert_invalid(response, ("status", "must be one of CONFIRMED, CANCELLED"))


@pytest.mark.parametrize("email", ["", "x", "a@b", "\x00", "\u017fam@b.example"], ids=ascii)
def test_invalid_email_is_rejected(event: Event, client: APIClient, email: str) -> None:
    response = client.get(BOOKINGS, {"email": email})
    assert_invalid(response, ("email", "must be a valid email"))


@pytest.mark.parametrize("invalid", INVALID_NUMBERS)
def test_all_errors_are_reported_together(event: Event, client: APIClient, invalid: str) -> None:
    response = client.get(BOOKINGS, {"page": invalid, "limit": "x", "email": "x", "status": "x"})
    assert response.status_code == 400
    paths = [error["path"] for error in response.json()["details"]]
    assert paths == ["page", "limit", "email", "status"]


def test_list_is_paginated(event: Event, client: APIClient) -> None:
    made = [str(book((event, 1))) for _ in range(3)][::-1]
    response = client.get(BOOKINGS, {"page": 2, "limit": 2}).json()
    assert [each["id"] for each in response["data"]] == made[2:]
    assert response["pagination"] == {
        "page": 2,
        "limit": 2,
        "total": 3,
        "totalPages": 2,
        "nextCursor": None,
    }
    past = client.get(BOOKINGS, {"page": 3, "limit": 2}).json()
    assert (past["data"], past["pagination"]["totalPages"]) == ([], 2)


def test_empty_list_has_no_pages(event: Event, client: APIClient) -> None:
    assert client.get(BOOKINGS).json() == {
        "data": [],
        "pagination": {
            "page": 1,
            "limit": 20,
            "total": 0,
            "totalPages": 0,
            "nextCursor": None,
        },
    }


@pytest.mark.parametrize("number", [1, 3])
def test_number_of_queries_does_not_grow_with_bookings(client: APIClient, number: int) -> None:
    events = EventFactory.create_batch(number)
    bookings = [book(*((event, 1) for event in events)) for _ in range(number)]
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(BOOKINGS).json()["data"]) == number
    assert len(queries) == 3
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(BOOKINGS, {"cursor": ""}).json()["data"]) == number
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        by_event = client.get(BOOKINGS, {"cursor": "", "eventId": events[0].slug}).json()
    assert (len(by_event["data"]), len(queries)) == (number, 3)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"{BOOKINGS}/{bookings[0]}").status_code == 200
    assert len(queries) == 2


@pytest.mark.parametrize("unknown", [*INVALID_IDS, "01a1fe49-bd0f-71b7-80a6-fc318d83eb81"])
@pytest.mark.parametrize(
    ("method", "rest"), [("get", ""), ("post", "/cancel")], ids=["get", "cancel"]
)
def test_unknown_id_is_answered_with_404(
    event: Event, client: APIClient, unknown: str, method: str, rest: str
) -> None:
    response = client.generic(method.upper(), f"{BOOKINGS}/{unknown}{rest}")
    assert (response.status_code, response.json()) == (404, NOT_FOUND)


def test_reservation_cannot_be_cancelled_as_a_booking(event: Event, client: APIClient) -> None:
    response = post(client, f"{BOOKINGS}/{hold(event)}/cancel")
    assert (response.status_code, response.json()) == (404, NOT_FOUND)


def test_cancel_succeeds_once_and_returns_all_seats(
    event: Event, client: APIClient, slash: str
) -> None:
    other = EventFactory.create()
    booking = book((other, 2), (event, 3))
    before = client.get(f"{BOOKINGS}/{booking}").json()["data"]
    response = post(client, f"{BOOKINGS}/{booking}/cancel{slash}")
    assert (response.status_code, response.json()) == (
        200,
        {"data": before | {"status": "CANCELLED"}},
    )
    assert client.get(f"{BOOKINGS}/{booking}").json() == response.json()
    assert_inventory(event, available=10, version=2, reservations=0)
    assert_inventory(other, available=10, version=2, reservations=0)
    again = post(client, f"{BOOKINGS}/{booking}/cancel{slash}")
    assert (again.status_code, again.json()) == (
        409,
        {"error": "BookingAlreadyCancelled", "message": "Booking is already cancelled"},
    )
    assert_inventory(event, available=10, version=2, reservations=0)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_not_allowed(event: Event, client: APIClient, method: str) -> None:
    response = getattr(client, method)(f"{BOOKINGS}/{book((event, 1))}/cancel")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.django_db(transaction=True)
def test_lock_timeout_is_answered_with_503_busy(event: Event, client: APIClient) -> None:
    booking = book((event, 1))
    with locked(event), session_setting("lock_timeout", "100ms"):
        response = post(client, f"{BOOKINGS}/{booking}/cancel")
    assert (response.status_code, response["Retry-After"], response.json()) == (
        503,
        "1",
        {"error": "Busy", "message": "Server is too busy, please try again"},
    )
    with locked(event), session_setting("lock_timeout", "100ms"), pytest.raises(Busy):
        submit(CancelBooking(booking_id=booking, actor="test"))
    assert Booking.objects.get().status == "confirmed"


def test_unknown_route_has_the_common_error_format(client: APIClient, db: None) -> None:
    response = client.get("/api/v1/none")
    assert (response.status_code, response.json()) == (
        404,
        {"error": "Not found", "code": "not_found"},
    )
