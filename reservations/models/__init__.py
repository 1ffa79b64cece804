"""The models: events, reservations, bookings, e-mails, changes, idempotency records, jobs."""

from reservations.models.booking import Booking
from reservations.models.change import Change
from reservations.models.event import DEFAULT_EVENT, SORT_DATE, Event, is_slug
from reservations.models.idempotency import IdempotencyRecord
from reservations.models.mail import BookingMail
from reservations.models.periodic import PeriodicJob
from reservations.models.reservation import Reservation
from reservations.models.sales import SalesState, with_sales_state

__all__ = [
    "DEFAULT_EVENT",
    "SORT_DATE",
    "Booking",
    "BookingMail",
    "Change",
    "Event",
    "IdempotencyRecord",
    "PeriodicJob",
    "Reservation",
    "SalesState",
    "is_slug",
    "with_sales_state",
]
