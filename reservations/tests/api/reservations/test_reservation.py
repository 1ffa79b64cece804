"""GET and DELETE /reservations/{id}."""

from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event, Reservation
from reservations.tests.api.client import INVALID_IDS, RESERVATION_NOT_FOUND, iso
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import reserve


@pytest.mark.parametrize("status", ["confirmed", "cancelled"])
def test_get_shows_reservations_in_any_status(
    event: Event, client: APIClient, mount: str, slash: str, status: str
) -> None:
    reservation_id = reserve(event, seats=3)
    if status == "cancelled":
        submit(Cancel(reservation_id=reservation_id, actor="test"))
    response = client.get(f"{mount}/{reservation_id}{slash}")
    assert (response.status_code, response.json()) == (
        200,
        {
            "reservationId": str(reservation_id),
            "eventId": "node-meetup-2025",
            "partnerId": "abc-corp",
            "seats": 3,
            "status": status,
            "createdAt": iso(Reservation.objects.get().created_at),
            "expiresAt": None,
        },
    )


def test_id_may_be_in_upper_case(event: Event, client: APIClient) -> None:
    response = client.get(f"/reservations/{str(reserve(event)).upper()}")
    assert response.status_code == 200


def test_delete_succeeds_once(event: Event, client: APIClient, mount: str, slash: str) -> None:
    reservation_id = reserve(event, seats=3)
    first = client.delete(f"{mount}/{reservation_id}{slash}")
    assert (first.status_code, first.content) == (204, b"")
    second = client.delete(f"{mount}/{reservation_id}{slash}")
    assert (second.status_code, second.json()) == (404, RESERVATION_NOT_FOUND)
    assert_inventory(event, available=10, version=2, reservations=0)


@pytest.mark.parametrize("method", ["get", "delete"])
def test_unknown_id_is_answered_with_404(event: Event, client: APIClient, method: str) -> None:
    for unknown in (uuid4(), "00000000-0000-0000-0000-000000000000"):
        response = getattr(client, method)(f"/reservations/{unknown}")
        assert (response.status_code, response.json()) == (404, RESERVATION_NOT_FOUND)


@pytest.mark.parametrize("method", ["get", "delete", "put", "post", "patch", "options"])
@pytest.mark.parametrize("invalid", INVALID_IDS)
def test_invalid_id_is_answered_with_400(
    db: None, client: APIClient, method: str, invalid: str
) -> None:
    response = client.generic(method.upper(), f"/reservations/{invalid}")
    assert (response.status_code, response.json()) == (
        400,
        {"error": "reservationId must be a valid UUID", "code": "invalid"},
    )


@pytest.mark.parametrize("method", ["put", "post", "patch"])
def test_other_methods_are_not_allowed(
    event: Event, client: APIClient, mount: str, method: str
) -> None:
    response = getattr(client, method)(f"{mount}/{uuid4()}")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "GET, DELETE, HEAD, OPTIONS"
