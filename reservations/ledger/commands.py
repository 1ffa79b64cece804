"""What the ledger can be asked to do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from uuid_utils.compat import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What makes a command safe to repeat: its second run has the outcome of the first.

    A ``key`` is unique within its ``scope``. The ``fingerprint`` (SHA-256 in hex) tells whether
    the same was asked; if not, the command is refused with ``IdempotencyKeyReused``.
    """

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Sell ``seats`` (at least 1) seats of the event with slug ``event`` to ``partner``.

    With ``hold_seconds`` they are only held for so long, to be confirmed. ``expected_version`` and
    ``if_match`` name versions that the event must have once its expired holds are released.

    Refused with ``EventNotFound``, ``PreconditionFailed``, ``VersionConflict`` or
    ``NotEnoughSeats``.
    """

    event: str
    partner: str
    seats: int
    actor: str
    hold_seconds: int | None = None
    expected_version: int | None = None
    if_match: frozenset[int] | None = None
    retry: Retry | None = None
    reservation_id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Make a held reservation a confirmed one; one that is confirmed already stays so.

    Refused with ``HoldExpired``, ``ReservationNotFound`` or ``PartOfBooking``.
    """

    reservation_id: UUID
    actor: str
    retry: Retry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel a held or confirmed reservation and return its seats.

    Refused with ``ReservationNotFound``, also when it is cancelled or expired already, or with
    ``PartOfBooking``.
    """

    reservation_id: UUID
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingItem:
    """``seats`` (at least 1) seats of the event with slug ``event``."""

    event: str
    seats: int
    reservation_id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Sell all ``items``, no event twice among them, to one customer, or none of them.

    Refused with ``EventNotFound`` or ``InsufficientSeats``.
    """

    customer_email: str
    items: tuple[BookingItem, ...]
    actor: str
    retry: Retry | None = None
    booking_id: UUID = field(default_factory=uuid7)

    def __post_init__(self) -> None:
        """Refuse what the rules do not foresee."""
        if len({item.event for item in self.items}) < len(self.items):
            raise ValueError("an event twice in one booking")


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBooking:
    """Cancel a booking whole and return its seats.

    Refused with ``BookingNotFound`` or ``BookingAlreadyCancelled``.
    """

    booking_id: UUID
    actor: str
    retry: Retry | None = None


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

    Refused with ``EventNotFound``, or ``CapacityBelowSold`` when more seats are taken already.
    """

    event: str
    edits: Edits
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHolds:
    """Release the expired holds of the event with slug ``event``, as every command does first.

    Refused with ``EventNotFound``.
    """

    event: str


Command = Reserve | Confirm | Cancel | Book | CancelBooking | EditEvent | ReleaseHolds
