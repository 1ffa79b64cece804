"""What the ledger answers when it did what it was asked."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Any of them."""

    replayed: bool = field(default=False, compare=False)
    """Whether it is that of an earlier command with the same idempotency key."""


@dataclass(frozen=True, slots=True)
class Reserved(Outcome):
    """The seats are sold, or held until ``expires_at``."""

    reservation_id: UUID
    seats: int
    status: Literal["confirmed", "held"] = "confirmed"
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Confirmed(Outcome):
    """The reservation is confirmed."""

    reservation_id: UUID
    event: str
    partner: str
    seats: int
    created_at: datetime
    status: Literal["confirmed"] = "confirmed"
    expires_at: None = None


@dataclass(frozen=True, slots=True)
class Cancelled(Outcome):
    """The seats are available again."""

    reservation_id: UUID
    seats: int


@dataclass(frozen=True, slots=True)
class BookedItem:
    """Seats of one event in a booking."""

    event: str
    event_name: str
    seats: int


@dataclass(frozen=True, slots=True)
class BookingOutcome(Outcome):
    """A booking from now on; ``items`` are in the order of the request."""

    booking_id: UUID
    customer_email: str
    created_at: datetime
    items: tuple[BookedItem, ...]

    @property
    def total_tickets(self) -> int:
        """Seats of all items."""
        return sum(item.seats for item in self.items)


@dataclass(frozen=True, slots=True)
class Booked(BookingOutcome):
    """The seats are sold."""

    status: Literal["confirmed"] = "confirmed"


@dataclass(frozen=True, slots=True)
class BookingCancelled(BookingOutcome):
    """The seats are available again."""

    status: Literal["cancelled"] = "cancelled"


@dataclass(frozen=True, slots=True)
class Edited(Outcome):
    """The event has its new values, and these seats."""

    total_seats: int
    available_seats: int


class HoldsReleased(Outcome):
    """No expired hold keeps seats of the event."""
