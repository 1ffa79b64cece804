"""API calls for use in threads: each creates its own client and returns the status code."""

from uuid import UUID

from rest_framework.test import APIClient

from reservations.models import Event
from reservations.tests.api.client import post
from reservations.tests.api.v1.client import BOOKINGS, booking


def post_reservation(event: Event, seats: int) -> int:
    body = {"eventId": event.slug, "partnerId": "abc-corp", "seats": seats}
    return int(post(APIClient(), "/reservations", body).status_code)


def confirm_reservation(reservation_id: UUID) -> int:
    return int(post(APIClient(), f"/reservations/{reservation_id}/confirm").status_code)


def delete_reservation(reservation_id: UUID) -> int:
    return int(APIClient().delete(f"/reservations/{reservation_id}").status_code)


def post_booking(*items: tuple[Event, int], idempotency_key: str | None = None) -> int:
    body = booking(*((event.slug, seats) for event, seats in items))
    return int(post(APIClient(), BOOKINGS, body, idempotency_key=idempotency_key).status_code)


def cancel_booking(booking_id: UUID) -> int:
    return int(post(APIClient(), f"{BOOKINGS}/{booking_id}/cancel").status_code)
