"""What the ledger can be asked to do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypedDict, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import outcomes

_O = TypeVar("_O", bound=outcomes.Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOf(Generic[_O]):
    """A command whose outcome is an ``_O``."""

    idempotency_key: IdempotencyKey | None = None

    @property
    def slugs(self) -> tuple[str, ...]:
        """The events that it names; of a reservation or a booking, they must be looked up."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCommand(CommandOf[_O]):
    """About the event with slug ``event``; refused with ``EventNotFound``."""

    event: str

    @property
    def slugs(self) -> tuple[str, ...]:
        """The one event."""
        return (self.event,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCommand(CommandOf[_O]):
    """About one reservation; refused with ``ReservationNotFound`` or ``PartOfBooking``."""

    reservation_id: UUID
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve(EventCommand[outcomes.Reserved]):
    """Sell ``seats`` (at least 1) seats to ``partner``.

    With ``hold_seconds`` they are only held for so long, to be confirmed. ``expected_version`` and
    ``if_match`` name versions that the event must have once its expired holds are released.

    Refused with ``PreconditionFailed``, ``VersionConflict`` or ``NotEnoughSeats`` too.
    """

    partner: str
    seats: int
    actor: str
    hold_seconds: int | None = None
    expected_version: int | None = None
    if_match: frozenset[int] | None = None
    reservation_id: UUID = field(default_factory=uuid7)


class Confirm(ReservationCommand[outcomes.Confirmed]):
    """Make a held reservation a confirmed one; one that is confirmed already stays so.

    Refused with ``HoldExpired`` too.
    """


class Cancel(ReservationCommand[outcomes.Cancelled]):
    """Cancel a held or confirmed reservation and return its seats.

    Refused with ``ReservationNotFound`` also when it is cancelled or expired already.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingItem:
    """``seats`` (at least 1) seats of the event with slug ``event``."""

    event: str
    seats: int
    reservation_id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(CommandOf[outcomes.Booked]):
    """Sell all ``items``, no event twice among them, to one customer, or none of them.

    Refused with ``EventNotFound`` or ``InsufficientSeats``.
    """

    customer_email: str
    items: tuple[BookingItem, ...]
    actor: str
    booking_id: UUID = field(default_factory=uuid7)

    def __post_init__(self) -> None:
        """Refuse what the rules do not foresee."""
        if len(set(self.slugs)) < len(self.items):
            raise ValueError("an event twice in one booking")

    @property
    def slugs(self) -> tuple[str, ...]:
        """The items' events."""
        return tuple(item.event for item in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBooking(CommandOf[outcomes.BookingCancelled]):
    """Cancel a booking whole and return its seats.

    Refused with ``BookingNotFound`` or ``BookingAlreadyCancelled``.
    """

    booking_id: UUID
    actor: str


class Edits(TypedDict, total=False):
    """New values for an event; what is not named stays as it is."""

    name: str
    venue: str | None
    starts_at: datetime | None
    total_seats: int
    """Seats in all, 0 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditEvent(EventCommand[outcomes.Edited]):
    """Give an event new values, all of them or none.

    Refused with ``CapacityBelowSold`` when more seats are taken already.
    """

    edits: Edits
    actor: str


class ReleaseHolds(EventCommand[outcomes.HoldsReleased]):
    """Release the expired holds of an event, as every command does first."""


Command = Reserve | Confirm | Cancel | Book | CancelBooking | EditEvent | ReleaseHolds
"""All commands; ``rules.decide`` has a case for each."""
