"""The commands that the ledger executes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypedDict, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from reservations import request_context
from reservations.access.caller import Caller
from reservations.email_addresses import canonicalise
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import outcomes

_O = TypeVar("_O", bound=outcomes.Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOf(Generic[_O]):
    """Base class of commands; ``_O`` is the type of the outcome."""

    idempotency_key: IdempotencyKey | None = None
    caller: Caller | None = None
    """The partner that sends the command over the API with a key. What belongs to others does not
    exist for it, and the key must be valid when the event's lock is granted. None for staff, jobs
    and commands, and if the API is open."""
    request_id: str = field(default_factory=request_context.request_id.get)
    """The id of the HTTP request; empty without one."""

    @property
    def slugs(self) -> tuple[str, ...]:
        """The slugs of the events that the command names.

        Empty for commands about a reservation or a booking, whose events must be looked up.
        """
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCommand(CommandOf[_O]):
    """A command for the event with the slug ``event``.

    Refused with ``EventNotFound``.
    """

    event: str

    @property
    def slugs(self) -> tuple[str, ...]:
        """The slug of the event."""
        return (self.event,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCommand(CommandOf[_O]):
    """A command for one reservation.

    Refused with ``ReservationNotFound`` or ``PartOfBooking``.
    """

    reservation_id: UUID
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve(EventCommand[outcomes.Reserved]):
    """Sell ``seats`` (1 or more) to ``partner``, or hold them.

    With ``hold_seconds``, the seats are held for that many seconds and then released unless they
    have been confirmed. If ``if_match`` or ``expected_version`` is given, the event's version must
    be in that set, or equal that version, after its expired holds have been released.

    Also refused, in this order, with ``ForeignPartner`` (``caller`` is another partner),
    ``PreconditionFailed`` (``if_match``), ``VersionConflict`` (``expected_version``),
    ``SalesPaused``, ``NotOnSale`` or ``NotEnoughSeats``.
    """

    partner: str
    seats: int
    actor: str
    hold_seconds: int | None = None
    expected_version: int | None = None
    if_match: frozenset[int] | None = None
    reservation_id: UUID = field(default_factory=uuid7)


class Confirm(ReservationCommand[outcomes.Confirmed]):
    """Confirm a held reservation; a confirmed reservation stays unchanged.

    Also refused with ``HoldExpired``.
    """


class Cancel(ReservationCommand[outcomes.Cancelled]):
    """Cancel a held or confirmed reservation and return its seats.

    Refused with ``ReservationNotFound`` also if it is already cancelled or expired.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingItem:
    """An item of a booking: ``seats`` (1 or more) of the event with the slug ``event``."""

    event: str
    seats: int
    reservation_id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(CommandOf[outcomes.Booked]):
    """Sell all ``items`` to one customer, or none. The items must be for different events.

    The booking belongs to ``caller``, or to nobody. Refused, in this order, with
    ``EventNotFound``, ``SalesPaused`` or ``NotOnSale``, whichever the first item gets that is not
    on sale, or ``InsufficientSeats``.
    """

    customer_email: str
    items: tuple[BookingItem, ...]
    actor: str
    booking_id: UUID = field(default_factory=uuid7)
    canonical_email: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive ``canonical_email``, and check that no event occurs twice.

        Raises:
            ValueError: two items are for the same event.
        """
        if len(set(self.slugs)) < len(self.items):
            raise ValueError("two items of the booking are for the same event")
        object.__setattr__(self, "canonical_email", canonicalise(self.customer_email))

    @property
    def slugs(self) -> tuple[str, ...]:
        """The slugs of the items' events, in order."""
        return tuple(item.event for item in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBooking(CommandOf[outcomes.BookingCancelled]):
    """Cancel a booking with all its items and return the seats.

    Refused with ``BookingNotFound`` or ``BookingAlreadyCancelled``.
    """

    booking_id: UUID
    actor: str


class Edits(TypedDict, total=False):
    """New values for the fields of an event; missing fields stay unchanged."""

    name: str
    venue: str | None
    starts_at: datetime | None
    total_seats: int
    """Total number of seats, 0 or more."""
    sales_paused: bool
    sales_open_at: datetime | None
    """When sales open; None if no time is set."""
    sales_close_at: datetime | None
    """When sales close, later than they open; None if no time is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditEvent(EventCommand[outcomes.Edited]):
    """Change the given fields of an event, all or none. Values that it has already do not count.

    Also refused with ``CapacityBelowSold`` if more seats are already sold or held, or with
    ``ClosesBeforeOpening``.
    """

    edits: Edits
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSales(EventCommand[outcomes.Paused]):
    """Pause the sales of an event, until they are opened. Existing holds can be confirmed."""

    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSales(EventCommand[outcomes.Opened]):
    """Put an event on sale now: end the pause, and replace an opening time in the future.

    Also refused with ``SalesClosed`` if the closing time is over.
    """

    actor: str


class ReleaseHolds(EventCommand[outcomes.HoldsReleased]):
    """Release the expired holds of an event. Every other command also does this first."""


Command = (
    Reserve
    | Confirm
    | Cancel
    | Book
    | CancelBooking
    | EditEvent
    | PauseSales
    | OpenSales
    | ReleaseHolds
)
"""Union of all commands; ``rules.decide`` has a case for each."""
