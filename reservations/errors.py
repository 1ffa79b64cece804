"""Refusals: exceptions whose ``message`` is the error sentence that API clients read.

This module does not depend on HTTP. ``reservations.api.exceptions`` maps the refusals that the API
can return to status codes.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class Refusal(Exception):
    """A command that the ledger refuses."""

    message = "The request was refused"
    """The error sentence that API clients read."""
    replayed: bool = False
    """Whether this is the stored refusal of an earlier command with the same idempotency key."""

    def __str__(self) -> str:
        return self.message


@dataclass(unsafe_hash=True)
class EventNotFound(Refusal):
    """No event has this slug."""

    message = "Event not found"

    event: str


@dataclass(unsafe_hash=True)
class EventExists(Refusal):
    """A new event has the slug of another."""

    message = "An event with this slug already exists"

    event: str


@dataclass(unsafe_hash=True)
class NotEnoughSeats(Refusal):
    """An event has fewer seats left than were requested."""

    message = "Not enough seats left"

    requested: int
    available_seats: int


@dataclass(unsafe_hash=True)
class SalesPaused(Refusal):
    """Staff have paused the sales of an event, or have not opened them yet."""

    message = "Sales are paused"

    event: str


@dataclass(unsafe_hash=True)
class NotOnSale(Refusal):
    """The sales of an event have not opened yet, or are closed, by the database's clock."""

    message = "The event is not on sale at this time"

    event: str
    opens_at: datetime | None
    closes_at: datetime | None


@dataclass(unsafe_hash=True)
class VersionConflict(Refusal):
    """The event's version is not the one that the command expects."""

    message = "Event was modified, read it again and retry"

    version: int


@dataclass(unsafe_hash=True)
class PreconditionFailed(Refusal):
    """The event's version is not the one in ``If-Match``."""

    message = "Event was modified, read it again and retry"

    version: int


@dataclass(unsafe_hash=True)
class VersionAhead(Refusal):
    """A client asks for changes after a version that the event does not have."""

    message = "The event has not reached this version, read its changes again from the start"

    version: int


@dataclass(unsafe_hash=True)
class ReservationNotFound(Refusal):
    """There is no such reservation, or it no longer takes seats."""

    message = "Reservation not found or already cancelled"


@dataclass(unsafe_hash=True)
class HoldExpired(Refusal):
    """The hold was confirmed too late."""

    message = "The hold has expired and its seats are released"


@dataclass(unsafe_hash=True)
class PartOfBooking(Refusal):
    """The reservation cannot be cancelled alone, because it belongs to a booking."""

    message = "The reservation is part of a booking; bookings are cancelled as a whole"

    booking_id: UUID


@dataclass(unsafe_hash=True)
class Shortage:
    """An item of a booking with too few seats left."""

    event: str
    requested: int
    available: int


@dataclass(unsafe_hash=True)
class InsufficientSeats(Refusal):
    """One or more items of a booking have too few seats left."""

    message = "Not enough seats left"

    shortages: tuple[Shortage, ...]
    """Every item with too few seats left, in the order of the request."""


@dataclass(unsafe_hash=True)
class BookingNotFound(Refusal):
    """No booking has this id."""

    message = "Booking not found"


@dataclass(unsafe_hash=True)
class BookingAlreadyCancelled(Refusal):
    """The booking was cancelled before."""

    message = "Booking is already cancelled"


@dataclass(unsafe_hash=True)
class IdempotencyKeyReused(Refusal):
    """The idempotency key belongs to a different command."""

    message = "Idempotency-Key was already used for another request"


@dataclass(unsafe_hash=True)
class CapacityBelowSold(Refusal):
    """The new capacity is less than the seats sold or held."""

    message = "The capacity cannot be less than the seats already sold or held"

    total_seats: int
    taken_seats: int


@dataclass(unsafe_hash=True)
class ClosesBeforeOpening(Refusal):
    """The new times of an event would close its sales before they open, or at the same time."""

    message = "Sales must close later than they open"


@dataclass(unsafe_hash=True)
class SalesClosed(Refusal):
    """Sales cannot be opened, because their closing time is over."""

    message = "The closing time is over; move it to the future or remove it, then open the sales"

    event: str


class Unauthorized(Refusal):
    """The key of the request is not, or no longer, valid."""

    message = "A valid API key is required"


class ApiKeyRequired(Unauthorized):
    """The request has no key, but needs one."""


class Forbidden(Refusal):
    """The request is not permitted."""

    message = "This request is not permitted"


class ForeignPartner(Forbidden):
    """The request names another partner than the one of its key."""

    message = "partnerId must be the partner of the API key, or left out"


@dataclass(unsafe_hash=True)
class ScopeMissing(Forbidden):
    """The key of the request does not have the scope that is needed."""

    message = "The API key does not have the scope for this request"

    scope: str


@dataclass(unsafe_hash=True)
class PartnerExists(Refusal):
    """A new partner has the id of another."""

    message = "A partner with this id already exists"

    partner: str


@dataclass(unsafe_hash=True)
class PartnerNotFound(Refusal):
    """No partner has this id."""

    message = "Partner not found"

    partner: str


@dataclass(unsafe_hash=True)
class KeyExists(Refusal):
    """A new key has the id of another: it has been issued already."""

    message = "This key has been issued already"

    key_id: str


@dataclass(unsafe_hash=True)
class PartnerInactive(Refusal):
    """An inactive partner cannot get keys."""

    message = "The partner is inactive; activate it before you issue a key"

    partner: str


@dataclass(unsafe_hash=True)
class KeyNotFound(Refusal):
    """No key has this id."""

    message = "Key not found"

    key_id: str


@dataclass(unsafe_hash=True)
class CannotAdopt(Refusal):
    """Some bookings cannot be given to a partner."""

    message = "These bookings do not exist or belong to another partner"

    bookings: tuple[UUID, ...]

    def __str__(self) -> str:
        return f"{self.message}: {', '.join(map(str, self.bookings))}"


class Busy(Refusal):
    """Nothing was changed, because the server or its database is overloaded or unavailable."""

    message = "Server is too busy, please try again"


class OutcomeUnknown(Refusal):
    """The connection was lost during COMMIT, and the outcome could not be read later."""

    message = "The connection to the database was lost while saving, so the outcome is unknown"
