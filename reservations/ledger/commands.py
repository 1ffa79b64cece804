"""What the ledger can be asked to do, and what it answers when it did."""

from dataclasses import dataclass, field
from typing import Literal
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCapacity:
    """Give the event with slug ``event`` ``total_seats`` (0 or more) seats in all.

    Refused with ``EventNotFound``, or ``CapacityBelowSold`` when more are sold already.
    """

    event: str
    total_seats: int
    actor: str


Command = Reserve | Cancel | SetCapacity


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
class CapacitySet:
    """The event has its new capacity."""

    total_seats: int
    available_seats: int


Outcome = Reserved | Cancelled | CapacitySet
