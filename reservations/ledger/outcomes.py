"""The results of accepted commands.

Fields have the same names as those of the models, so that a serializer can render either.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from reservations import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Base class of outcomes."""

    replayed: bool = field(default=False, compare=False)
    """Whether this is the stored outcome of an earlier command with the same idempotency key."""


def _stored_as(name: str) -> dict[str, str]:
    """Return metadata for a field that has another name in stored outcomes."""
    return {"stored_as": name}


@dataclass(frozen=True, slots=True)
class Reserved(Outcome):
    """The seats are sold, or held until ``expires_at``."""

    id: UUID = field(metadata=_stored_as("reservation_id"))
    seats: int
    status: Literal["confirmed", "held"] = "confirmed"
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Confirmed(Outcome):
    """The reservation is confirmed."""

    id: UUID = field(metadata=_stored_as("reservation_id"))
    event_slug: str = field(metadata=_stored_as("event"))
    partner: str
    seats: int
    created_at: datetime
    status: Literal["confirmed"] = "confirmed"
    expires_at: None = None


@dataclass(frozen=True, slots=True)
class Cancelled(Outcome):
    """The seats are available again."""

    id: UUID = field(metadata=_stored_as("reservation_id"))
    seats: int


@dataclass(frozen=True, slots=True)
class BookedItem:
    """An item of a booking: seats of one event."""

    event_slug: str = field(metadata=_stored_as("event"))
    event_name: str
    seats: int


@dataclass(frozen=True, slots=True)
class BookingOutcome(Outcome):
    """Base class: the booking after the command, with its items in the order of the request."""

    id: UUID = field(metadata=_stored_as("booking_id"))
    customer_email: str
    created_at: datetime
    booked_items: tuple[BookedItem, ...] = field(metadata=_stored_as("items"))

    @property
    def total_tickets(self) -> int:
        """The total number of seats of its items."""
        return sum(item.seats for item in self.booked_items)


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
    """The event has its new values; the seats are those after the edit."""

    total_seats: int
    available_seats: int


@dataclass(frozen=True, slots=True)
class Paused(Outcome):
    """The sales of the event are paused."""

    changed: bool
    """Whether they were not paused before."""


@dataclass(frozen=True, slots=True)
class Opened(Outcome):
    """The event is on sale."""

    changed: bool
    """Whether it was not on sale before."""


class HoldsReleased(Outcome):
    """The event has no expired holds left."""


REMEMBERED_OUTCOMES: Any = (
    Reserved
    | Confirmed
    | Cancelled
    | Booked
    | BookingCancelled
    | Edited
    | Paused
    | Opened
    | errors.NotEnoughSeats
    | errors.InsufficientSeats
    | errors.HoldExpired
    | errors.BookingAlreadyCancelled
)
"""The outcomes and refusals that are final and stored with an idempotency key. After any other
refusal, a repeated request is decided again, because the reason may no longer apply."""
