"""What the ledger can be asked to do, and what it answers when it did."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from uuid_utils.compat import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Sell ``seats`` (at least 1) seats of the event with slug ``event`` to ``partner``.

    Refused with ``EventNotFound`` or ``NotEnoughSeats``.
    """

    event: str
    partner: str
    seats: int
    actor: str
    reservation_id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel a confirmed reservation and return its seats.

    Refused with ``ReservationNotFound``, also when it is cancelled already.
    """

    reservation_id: UUID
    actor: str


class Edits(TypedDict, total=False):
    """New values for an event; what is not named stays as it is."""

    name: str
    venue: str | None
    starts_at: datetime | None
    total_seats: int
    """Seats in all, 0 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditEvent:
    """Give the event with slug ``event`` new values, all of them or none.

    Refused with ``EventNotFound``, or ``CapacityBelowSold`` when more seats are sold already.
    """

    event: str
    edits: Edits
    actor: str


Command = Reserve | Cancel | EditEvent


@dataclass(frozen=True, slots=True)
class Reserved:
    """The seats are sold."""

    reservation_id: UUID
    seats: int
    status: Literal["confirmed"] = "confirmed"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The seats are available again."""

    reservation_id: UUID
    seats: int


@dataclass(frozen=True, slots=True)
class Edited:
    """The event has its new values, and these seats."""

    total_seats: int
    available_seats: int


Outcome = Reserved | Cancelled | Edited
