"""POST /reservations with holdSeconds, and POST /reservations/{id}/confirm."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event, Reservation
from reservations.tests.api.client import (
    INVALID_IDS,
    RESERVATION,
    RESERVATION_NOT_FOUND,
    assert_invalid,
    iso,
    post,
)
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import book, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db

HOLD = RESERVATION | {"holdSeconds": 60}


def test_hold_takes_seats_until_its_expiry(
    event: Event, client: APIClient, mount: str, slash: str
) -> None:
    response = post(client, mount + slash, HOLD)
    held = Reservation.objects.get()
    assert (response.status_code, response.json()) == (
        201,
        {
            "reservationId": str(held.pk),
            "seats": 3,
            "status": "held",
            "expiresAt": iso(held.expires_at),
        },
    )
    assert response["Location"] == f"{mount}/{held.pk}"
    assert client.get(response["Location"]).json() == {
        "reservationId": str(held.pk),
        "eventId": "node-meetup-2025",
        "partnerId": "abc-corp",
        "seats": 3,
        "status": "held",
        "createdAt": iso(held.created_at),
        "expiresAt": iso(held.expires_at),
    }
    assert_inventory(event, available=7, version=1, reservations=0, held=3)
    assert client.get("/reservations").json()["reservationCount"] == 0


@pytest.mark.parametrize("seconds", [5, 3600])
def test_shortest_and_longest_hold_are_accepted(
    event: Event, client: APIClient, seconds: int
) -> None:
    response = post(client, "/reservations", HOLD | {"holdSeconds": seconds})
    assert response.status_code == 201
    held = Reservation.objects.get()
    assert held.expires_at
    assert (held.expires_at - held.created_at).total_seconds() == seconds


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (4, "Hold seconds must be at least 5"),
        (0, "Hold seconds must be at least 5"),
        pytest.param(-(10**400), "Hold seconds must be at least 5", id="negative-400-digits"),
        (3601, "Hold seconds must be at most 3600"),
        pytest.param(10**400, "Hold seconds must be at most 3600", id="400-digits"),
        ("60", "Hold seconds must be an integer"),
        (60.0, "Hold seconds must be an integer"),
        (True, "Hold seconds must be an integer"),
        (None, "Hold seconds must be an integer"),
    ],
    ids=repr,
)
def test_invalid_hold_seconds_are_rejected(
    event: Event, client: APIClient, seconds: Any, message: str
) -> None:
    response = post(client, "/reservations", HOLD | {"holdSeconds": seconds})
    assert_invalid(response, ("holdSeconds", message))
    assert_inventory(event, available=10, version=0, reservations=0)


def test_confirm_twice_has_one_effect_and_the_same_response(
    event: Event, client: APIClient, mount: str, slash: str
) -> None:
    held = hold(event, seats=3)
    first = post(client, f"{mount}/{held}/confirm{slash}")
    assert (first.status_code, first.json()) == (
        200,
        {
            "reservationId": str(held),
            "eventId": "node-meetup-2025",
            "partnerId": "abc-corp",
            "seats": 3,
            "status": "confirmed",
            "createdAt": iso(Reservation.objects.get().created_at),
            "expiresAt": None,
        },
    )
    assert client.get(f"{mount}/{held}").json() == first.json()
    again = post(client, f"{mount}/{held}/confirm{slash}")
    assert (again.status_code, again.json()) == (200, first.json())
    assert_inventory(event, available=7, version=2, reservations=1)


def test_confirm_of_a_confirmed_reservation_changes_nothing(
    event: Event, client: APIClient
) -> None:
    assert post(client, f"/reservations/{reserve(event)}/confirm").status_code == 200
    assert_inventory(event, available=9, version=1, reservations=1)


def test_confirm_of_an_expired_hold_is_answered_with_409(event: Event, client: APIClient) -> None:
    held = hold(event, seats=3)
    expire_hold(held)
    assert client.get(f"/reservations/{held}").json()["status"] == "held"
    for _ in range(2):
        response = post(client, f"/reservations/{held}/confirm")
        assert (response.status_code, response.json()) == (
            409,
            {
                "error": "The hold has expired and its seats are released",
                "code": "hold_expired",
            },
        )
    shown = client.get(f"/reservations/{held}").json()
    assert (shown["status"], shown["expiresAt"] < shown["createdAt"]) == ("expired", True)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_confirm_of_a_cancelled_hold_is_answered_with_404(event: Event, client: APIClient) -> None:
    held = hold(event, seats=3)
    assert client.delete(f"/reservations/{held}").status_code == 204
    assert client.get(f"/reservations/{held}").json()["status"] == "cancelled"
    response = post(client, f"/reservations/{held}/confirm")
    assert (response.status_code, response.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_cancel_of_an_expired_hold_is_answered_with_404(event: Event, client: APIClient) -> None:
    held = hold(event, seats=3)
    expire_hold(held)
    response = client.delete(f"/reservations/{held}")
    assert (response.status_code, response.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_confirm_of_an_unknown_id_is_answered_with_404(event: Event, client: APIClient) -> None:
    cancelled = reserve(event)
    submit(Cancel(reservation_id=cancelled, actor="test"))
    for unknown in (uuid4(), cancelled):
        response = post(client, f"/reservations/{unknown}/confirm")
        assert (response.status_code, response.json()) == (404, RESERVATION_NOT_FOUND)


@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("invalid", INVALID_IDS)
def test_invalid_id_is_answered_with_400(
    db: None, client: APIClient, method: str, invalid: str
) -> None:
    response = client.generic(method.upper(), f"/reservations/{invalid}/confirm")
    assert (response.status_code, response.json()) == (
        400,
        {"error": "reservationId must be a valid UUID", "code": "invalid"},
    )


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_not_allowed(event: Event, client: APIClient, method: str) -> None:
    response = getattr(client, method)(f"/reservations/{hold(event)}/confirm")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("headers", [{}, {"idempotency_key": "k"}], ids=["no-key", "key"])
def test_body_of_confirm_is_optional_but_must_be_json(
    event: Event, client: APIClient, headers: dict[str, str]
) -> None:
    path = f"/reservations/{hold(event)}/confirm"
    for raw, content_type, status in (
        (b"{", "application/json", 400),
        (b"x", "text/plain", 415),
        (b" " * 70_000, "application/json", 413),
        (b"", "application/x-www-form-urlencoded", 200),
        (b'{"x": 1}', "application/json", 422 if headers else 200),
    ):
        response = post(client, path, raw, content_type=content_type, **headers)
        assert response.status_code == status, raw[:8]


def test_items_of_a_booking_are_not_found(event: Event, client: APIClient, mount: str) -> None:
    book((event, 2))
    [item] = Reservation.objects.all()
    for response in (
        client.get(f"{mount}/{item.pk}"),
        post(client, f"{mount}/{item.pk}/confirm"),
        client.delete(f"{mount}/{item.pk}"),
    ):
        assert (response.status_code, response.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=8, version=1, reservations=1)
