"""The models: events, sales, changes, partners and their keys, e-mails, jobs, security events."""

from reservations.models.api_key import ApiKey, KeyState, Scope
from reservations.models.booking import Booking
from reservations.models.change import Change
from reservations.models.event import DEFAULT_EVENT, SORT_DATE, Event, is_slug
from reservations.models.idempotency import IdempotencyRecord
from reservations.models.mail import BookingMail
from reservations.models.partner import MAX_PARTNER_ID_LENGTH, Partner
from reservations.models.periodic import PeriodicJob
from reservations.models.reservation import Reservation
from reservations.models.sales import SalesState, with_sales_state
from reservations.models.security_event import SecurityEvent

__all__ = [
    "DEFAULT_EVENT",
    "MAX_PARTNER_ID_LENGTH",
    "SORT_DATE",
    "ApiKey",
    "Booking",
    "BookingMail",
    "Change",
    "Event",
    "IdempotencyRecord",
    "KeyState",
    "Partner",
    "PeriodicJob",
    "Reservation",
    "SalesState",
    "Scope",
    "SecurityEvent",
    "is_slug",
    "with_sales_state",
]
