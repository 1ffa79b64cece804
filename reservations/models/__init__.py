"""The models: events, reservations, bookings, changes to events, and idempotency records."""

from reservations.models.booking import Booking
from reservations.models.change import Change
from reservations.models.event import DEFAULT_EVENT, Event, is_slug
from reservations.models.idempotency import IdempotencyRecord
from reservations.models.reservation import Reservation

__all__ = [
    "DEFAULT_EVENT",
    "Booking",
    "Change",
    "Event",
    "IdempotencyRecord",
    "Reservation",
    "is_slug",
]
