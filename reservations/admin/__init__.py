"""The admin pages of the app. Seat counts change only through the ledger."""

from reservations.admin.api_key import ApiKeyAdmin
from reservations.admin.booking import BookingAdmin
from reservations.admin.change import ChangeAdmin
from reservations.admin.event import EventAdmin
from reservations.admin.partner import PartnerAdmin
from reservations.admin.reservation import ReservationAdmin
from reservations.admin.security_event import SecurityEventAdmin

__all__ = [
    "ApiKeyAdmin",
    "BookingAdmin",
    "ChangeAdmin",
    "EventAdmin",
    "PartnerAdmin",
    "ReservationAdmin",
    "SecurityEventAdmin",
]
