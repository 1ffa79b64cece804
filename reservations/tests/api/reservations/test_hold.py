"""POST /reservations with holdSeconds, and POST /reservations/{id}/confirm."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event, Reservation
from reservations.tests.api.client import (
    BAD_IDS,
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


def test_holds(event: Event, client: APIClient, mount: str, slash: str) -> None:
    answer = post(client, mount + slash, HOLD)
    held = Reservation.objects.get()
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "reservationId": str(held.pk),
            "seats": 3,
            "status": "held",
            "expiresAt": iso(held.expires_at),
        },
    )
    assert answer["Location"] == f"{mount}/{held.pk}"
    assert client.get(answer["Location"]).json() == {
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
def test_both_ends_of_the_range(event: Event, client: APIClient, seconds: int) -> None:
    answer = post(client, "/reservations", HOLD | {"holdSeconds": seconds})
    assert answer.status_code == 201
    held = Reservation.objects.get()
    assert held.expires_at
    assert (held.expires_at - held.created_at).total_seconds() == seconds


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (4, "Hold seconds must be at least 5"),
        (0, "Hold seconds must be at least 5"),
        (-(10**400), "Hold seconds must be at least 5"),
        (3601, "Hold seconds must be at most 3600"),
        (10**400, "Hold seconds must be at most 3600"),
        ("60", "Hold seconds must be an integer"),
        (60.0, "Hold seconds must be an integer"),
        (True, "Hold seconds must be an integer"),
        (None, "Hold seconds must be an integer"),
    ],
)
def test_other_hold_seconds(event: Event, client: APIClient, seconds: Any, message: str) -> None:
    answer = post(client, "/reservations", HOLD | {"holdSeconds": seconds})
    assert_invalid(answer, ("holdSeconds", message))
    assert_inventory(event, available=10, version=0, reservations=0)


def test_confirms(event: Event, client: APIClient, mount: str, slash: str) -> None:
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


def test_a_reservation_that_was_never_held_is_confirmed_already(
    event: Event, client: APIClient
) -> None:
    assert post(client, f"/reservations/{reserve(event)}/confirm").status_code == 200
    assert_inventory(event, available=9, version=1, reservations=1)


def test_an_expired_hold_cannot_be_confirmed(event: Event, client: APIClient) -> None:
    held = hold(event, seats=3)
    expire_hold(held)
    assert client.get(f"/reservations/{held}").json()["status"] == "held"
    for _ in range(2):
        answer = post(client, f"/reservations/{held}/confirm")
        assert (answer.status_code, answer.json()) == (
            409,
            {
                "error": "The hold has expired and its seats are released",
                "code": "hold_expired",
            },
        )
    shown = client.get(f"/reservations/{held}").json()
    assert (shown["status"], shown["expiresAt"] < shown["createdAt"]) == ("expired", True)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_a_cancelled_hold(event: Event, client: APIClient) -> None:
    held = hold(event, seats=3)
    assert client.delete(f"/reservations/{held}").status_code == 204
    assert client.get(f"/reservations/{held}").json()["status"] == "cancelled"
    answer = post(client, f"/reservations/{held}/confirm")
    assert (answer.status_code, answer.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_an_expired_hold_cannot_be_cancelled(event: Event, client: APIClient) -> None:
    held = hold(event, seats=3)
    expire_hold(held)
    answer = client.delete(f"/reservations/{held}")
    assert (answer.status_code, answer.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_unknown_id(event: Event, client: APIClient) -> None:
    cancelled = reserve(event)
    submit(Cancel(reservation_id=cancelled, actor="test"))
    for unknown in (uuid4(), cancelled):
        answer = post(client, f"/reservations/{unknown}/confirm")
        assert (answer.status_code, answer.json()) == (404, RESERVATION_NOT_FOUND)


@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("bad", BAD_IDS)
def test_bad_id(db: None, client: APIClient, method: str, bad: str) -> None:
    answer = client.generic(method.upper(), f"/reservations/{bad}/confirm")
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "reservationId must be a valid UUID", "code": "invalid"},
    )


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods(event: Event, client: APIClient, method: str) -> None:
    answer = getattr(client, method)(f"/reservations/{hold(event)}/confirm")
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("headers", [{}, {"idempotency_key": "k"}])
def test_a_body_is_not_needed_but_must_be_json(
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
        answer = post(client, path, raw, content_type=content_type, **headers)
        assert (answer.status_code, raw[:8]) == (status, raw[:8])


def test_items_of_a_booking_are_not_found(event: Event, client: APIClient, mount: str) -> None:
    book((event, 2))
    [item] = Reservation.objects.all()
    for answer in (
        client.get(f"{mount}/{item.pk}"),
        post(client, f"{mount}/{item.pk}/confirm"),
        client.delete(f"{mount}/{item.pk}"),
    ):
        assert (answer.status_code, answer.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=8, version=1, reservations=1)
