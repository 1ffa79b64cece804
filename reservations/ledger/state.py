"""What is and what shall be, as values: what ``decide`` reads and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from reservations.ledger.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class EventState:
    """The numbers of one event, and its ``details`` (name, venue, date) that are to be written."""

    slug: str
    total_seats: int
    available_seats: int
    held_seats: int = 0
    reservation_count: int = 0
    version: int = 0
    name: str = ""
    id: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReservationState:
    """One reservation: ``event`` is its event's slug, ``status`` one of the model's."""

    id: UUID
    event: str
    seats: int
    status: str
    partner: str = ""
    booking_id: UUID | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BookingState:
    """One booking: ``items`` are its reservations' ids in the order of the request."""

    id: UUID
    customer_email: str
    status: str
    created_at: datetime
    items: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class State:
    """All that a command's decision may depend on; there is a time if there is an event."""

    events: Mapping[str, EventState]
    reservations: Mapping[UUID, ReservationState]
    bookings: Mapping[UUID, BookingState] = field(default_factory=dict)
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as the ledger records it; ``seats`` is the signed change of availability."""

    kind: Literal["confirmed", "held", "hold_confirmed", "cancelled", "capacity", "edited"]
    seats: int
    actor: str
    reservation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One version of an event: its state from then on, and what the history says of it."""

    event: EventState
    entry: Entry


@dataclass(frozen=True, slots=True)
class Decision:
    """An accepted command: its outcome, the steps it takes, and what they lead to."""

    outcome: Outcome
    steps: tuple[Step, ...] = ()
    reservations: tuple[ReservationState, ...] = ()
    booking: BookingState | None = None
