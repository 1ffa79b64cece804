"""POST /api/v1/bookings."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from reservations.models import Booking, Event
from reservations.tests.api.client import iso, post
from reservations.tests.api.v1.client import BOOKINGS, assert_invalid, booking
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db


def test_all_items_are_booked_in_request_order(client: APIClient, slash: str) -> None:
    first, second, third = EventFactory.create_batch(3)
    items = [(third.slug, 1), (first.slug, 3), (second.slug, 2)]
    response = post(client, BOOKINGS + slash, booking(*items))
    stored = Booking.objects.get()
    assert UUID(str(stored.pk)).version == 7
    assert (response.status_code, response.json()) == (
        201,
        {
            "data": {
                "id": str(stored.pk),
                "customerEmail": "user@example.com",
                "status": "CONFIRMED",
                "createdAt": iso(stored.created_at),
                "items": [
                    {"eventId": event, "eventName": "An event", "quantity": quantity}
                    for event, quantity in items
                ],
                "totalTickets": 6,
            }
        },
    )
    assert response["Location"] == f"{BOOKINGS}/{stored.pk}"
    assert client.get(response["Location"]).json() == response.json()
    assert_inventory(first, available=7, version=1, reservations=1)
    assert_inventory(second, available=8, version=1, reservations=1)
    assert_inventory(third, available=9, version=1, reservations=1)


def test_booking_of_20_items_is_accepted(client: APIClient) -> None:
    events = EventFactory.create_batch(20)
    response = post(client, BOOKINGS, booking(*((event.slug, 1) for event in reversed(events))))
    assert response.status_code == 201
    shown = [item["eventId"] for item in response.json()["data"]["items"]]
    assert shown == [event.slug for event in reversed(events)]


def test_refusal_lists_all_short_items_and_sells_nothing(event: Event, client: APIClient) -> None:
    first, second = EventFactory.create_batch(2)
    reserve(first, seats=9)
    reserve(second, seats=10)
    response = post(client, BOOKINGS, booking((second.slug, 1), (event.slug, 2), (first.slug, 3)))
    short = [
        {"eventId": second.slug, "requested": 1, "available": 0},
        {"eventId": first.slug, "requested": 3, "available": 1},
    ]
    assert (response.status_code, response.json()) == (
        409,
        {
            "error": "InsufficientSeats",
            "message": "Not enough seats left",
            **short[0],
            "items": short,
        },
    )
    assert_inventory(event, available=10, version=0, reservations=0)
    assert not Booking.objects.exists()


def test_refused_booking_still_releases_expired_holds(event: Event, client: APIClient) -> None:
    full = EventFactory.create(total_seats=1)
    reserve(full)
    expire_hold(hold(event, seats=10))
    assert post(client, BOOKINGS, booking((event.slug, 1), (full.slug, 1))).status_code == 409
    assert_inventory(event, available=10, version=2, reservations=0)


def test_first_unknown_event_is_reported(event: Event, client: APIClient) -> None:
    response = post(client, BOOKINGS, booking((event.slug, 1), ("nope", 1), ("none", 1)))
    assert (response.status_code, response.json()) == (
        404,
        {"error": "EventNotFound", "message": "Event not found", "eventId": "nope"},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    "unknown",
    ["", "\x00", "\ud800", "\u00e4", "x" * 50_000],
    ids=["empty", "nul", "surrogate", "umlaut", "50000-characters"],
)
def test_invalid_slug_is_answered_with_404(event: Event, client: APIClient, unknown: str) -> None:
    response = post(client, BOOKINGS, booking((unknown, 1)))
    shown = "x" * 199 + "\u2026" if len(unknown) > 200 else unknown.replace("\ud800", "?")
    assert (response.status_code, response.json()["eventId"]) == (404, shown)


AT_LEAST = "quantity must be at least 1"
AT_MOST = "maximum 3 tickets per event per transaction"
INTEGER = "quantity must be an integer"


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (0, AT_LEAST),
        (-1, AT_LEAST),
        pytest.param(-(10**400), AT_LEAST, id="negative-400-digits"),
        (4, AT_MOST),
        pytest.param(10**400, AT_MOST, id="400-digits"),
        ("1", INTEGER),
        (1.0, INTEGER),
        (1.5, INTEGER),
        (True, INTEGER),
        (None, INTEGER),
        ([], INTEGER),
    ],
    ids=repr,
)
def test_invalid_quantity_is_rejected(
    event: Event, client: APIClient, quantity: Any, message: str
) -> None:
    response = post(client, BOOKINGS, booking((event.slug, 1), ("x", quantity)))
    assert_invalid(response, ("items.1.quantity", message))
    assert_inventory(event, available=10, version=0, reservations=0)


EMAIL = "must be a valid email"


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "x",
        "a@b",
        "a@localhost",
        "@b.example",
        "a@b.example,c@d.example",
        "a b@c.example",
        "a@b.example\nBcc: c@d.example",
        '"\x0b"@b.example',
        '"a"@b.example',
        '"a b"@b.example',
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a@127.0.0.1",
        "a@127.0.0.0x7f",
        "a%c.example@b.example",
        "c.example!a@b.example",
        "=?utf-8?q?c?=@b.example",
        "-a@b.example",
        "\u017fam@b.example",
        "\u212aim@b.example",
        "d\u00f6rte@b.example",
        "a@\u017fhop.example",
        "a@\u212aelvin.example",
        "a@\ufb01sh\u00fc.example",
        "a@\u0392\u038c\u039b\u039f\u03a3.example",
        "a@b.example\u202e",
        "a@b\u200b.example",
        "a@b\u00ad.example",
        "a@\U0001f4a9.example",
        "a@xn--ls8h.example",
        "a@xn--\u00fc.example",
        "a@ab--c.example",
        "a@b.invalid",
        pytest.param("a" * 65 + "@b.example", id="local-part-too-long"),
        pytest.param("a@" + "b" * 64 + ".example", id="label-too-long"),
        pytest.param("a@" + "\u00fc" * 60 + ".example", id="label-too-long-in-punycode"),
        pytest.param("a@" + "\u00fc." * 32 + "example", id="address-too-long-in-punycode"),
        "a\x00@b.example",
        "\ud800@b.example",
        "a@\ud800.example",
        pytest.param("a" * 250 + "@b.example", id="too-long"),
        5,
        True,
        None,
        [],
        {},
    ],
    ids=repr,
)
def test_invalid_email_is_rejected(event: Event, client: APIClient, email: Any) -> None:
    assert_invalid(
        post(client, BOOKINGS, booking((event.slug, 1), email=email)), ("customerEmail", EMAIL)
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    "email",
    [
        " user@example.com\n",
        "User.Name+x@Sub.Example.com",
        "a@b.co",
        "a@b.test",
        "o'neill@b.example",
        "a@B\u00dcCHER.example",
        "a@bu\u0308cher.example",
        "a@stra\u00dfe.example",
        "a@\u03b2\u03cc\u03bb\u03bf\u03c2.example",
        "a@XN--BCHER-KVA.example",
    ],
    ids=ascii,
)
def test_valid_email_is_stored_trimmed(event: Event, client: APIClient, email: str) -> None:
    assert post(client, BOOKINGS, booking((event.slug, 1), email=email)).status_code == 201
    assert Booking.objects.get().customer_email == email.strip()


ONE = "at least one booking item is required"


@pytest.mark.parametrize(
    ("items", "error"),
    [
        ([], ("items", ONE)),
        (None, ("items", ONE)),
        ({}, ("items", "items must be an array")),
        ("x", ("items", "items must be an array")),
        ([5], ("items.0", "item must be an object")),
        ([None], ("items.0", "item must be an object")),
        ([[]], ("items.0", "item must be an object")),
        ([{"eventId": 5, "quantity": 1}], ("items.0.eventId", "eventId must be a string")),
        ([{"quantity": 1}], ("items.0.eventId", "eventId must be a string")),
        ([{"eventId": None, "quantity": 1}], ("items.0.eventId", "eventId must be a string")),
        ([{"eventId": "x"}], ("items.0.quantity", INTEGER)),
        (
            [{"eventId": str(n), "quantity": 1} for n in range(21)],
            ("items", "maximum 20 items per booking"),
        ),
    ],
    ids=[
        "empty",
        "null",
        "object",
        "string",
        "item-number",
        "item-null",
        "item-array",
        "event-number",
        "event-missing",
        "event-null",
        "quantity-missing",
        "too-many",
    ],
)
def test_invalid_items_are_rejected(
    event: Event, client: APIClient, items: Any, error: tuple[str, str]
) -> None:
    assert_invalid(post(client, BOOKINGS, {"customerEmail": "a@b.example", "items": items}), error)


def test_all_errors_are_reported_together(event: Event, client: APIClient) -> None:
    items = [
        {"eventId": event.slug, "quantity": 0},
        7,
        {"eventId": event.slug, "quantity": 9},
        {"eventId": 1, "quantity": "1"},
    ]
    response = post(client, BOOKINGS, {"customerEmail": "x", "items": items})
    duplicate = "duplicate eventId in the same transaction is not allowed"
    assert_invalid(
        response,
        ("customerEmail", EMAIL),
        ("items.0.quantity", AT_LEAST),
        ("items.1", "item must be an object"),
        ("items.2.quantity", AT_MOST),
        ("items.3.eventId", "eventId must be a string"),
        ("items.3.quantity", INTEGER),
        ("items", duplicate),
    )
    assert_invalid(post(client, BOOKINGS, {}), ("customerEmail", EMAIL), ("items", ONE))


def test_duplicate_event_is_rejected(event: Event, client: APIClient) -> None:
    response = post(client, BOOKINGS, booking((event.slug, 1), (event.slug, 1)))
    assert_invalid(response, ("items", "duplicate eventId in the same transaction is not allowed"))
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "Request body must be a JSON object"),
        (b" ", "Request body must be valid JSON in UTF-8"),
        (b"{", "Request body must be valid JSON in UTF-8"),
        (b"\xff", "Request body must be valid JSON in UTF-8"),
        (b"[]", "Request body must be a JSON object"),
        (b"null", "Request body must be a JSON object"),
        (b'"x"', "Request body must be a JSON object"),
        (b"[" * 999, "Request body must be nested at most 32 levels deep"),
        (b"[" * 20_000, "Request body must contain at most 1000 values"),
    ],
    ids=["empty", "space", "open-brace", "not-utf8", "array", "null", "string", "deep", "many"],
)
def test_body_must_be_a_json_object(
    event: Event, client: APIClient, raw: bytes, message: str
) -> None:
    assert_invalid(post(client, BOOKINGS, raw), ("", message))


def test_missing_body_is_rejected(event: Event, client: APIClient) -> None:
    assert_invalid(post(client, BOOKINGS), ("", "Request body must be a JSON object"))


def test_large_or_non_json_body_is_rejected(event: Event, client: APIClient) -> None:
    response = post(client, BOOKINGS, b"x" * 70_000)
    assert (response.status_code, response.json()["error"]) == (413, "PayloadTooLarge")
    response = post(client, BOOKINGS, b"x", content_type="text/plain")
    assert (response.status_code, response.json()["error"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_allowed(event: Event, client: APIClient, method: str) -> None:
    response = getattr(client, method)(BOOKINGS)
    assert (response.status_code, response["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")
    assert response.json() == {
        "error": "MethodNotAllowed",
        "message": f'Method "{method.upper()}" not allowed.',
    }
