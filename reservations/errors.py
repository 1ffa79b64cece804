"""Refusals: exceptions whose class docstring is the error sentence that API clients read.

This module does not depend on HTTP. ``reservations.api.exceptions`` maps the refusals that the API
can return to status codes.
"""

from dataclasses import dataclass
from uuid import UUID


class Refusal(Exception):
    """The request was refused"""

    replayed: bool = False
    """Whether this is the stored refusal of an earlier command with the same idempotency key."""

    @classmethod
    def sentence(cls) -> str:
        """Return the error sentence for the client."""
        return cls.__doc__ or cls.__name__

    def __str__(self) -> str:
        return self.sentence()


@dataclass(unsafe_hash=True)
class EventNotFound(Refusal):
    """Event not found"""

    event: str


@dataclass(unsafe_hash=True)
class EventExists(Refusal):
    """An event with this slug already exists"""

    event: str


@dataclass(unsafe_hash=True)
class NotEnoughSeats(Refusal):
    """Not enough seats left"""

    requested: int
    available_seats: int


@dataclass(unsafe_hash=True)
class VersionConflict(Refusal):
    """Event was modified, read it again and retry"""

    version: int


@dataclass(unsafe_hash=True)
class PreconditionFailed(Refusal):
    """Event was modified, read it again and retry"""

    version: int


@dataclass(unsafe_hash=True)
class ReservationNotFound(Refusal):
    """Reservation not found or already cancelled"""


@dataclass(unsafe_hash=True)
class HoldExpired(Refusal):
    """The hold has expired and its seats are released"""


@dataclass(unsafe_hash=True)
class PartOfBooking(Refusal):
    """The reservation is part of a booking; bookings are cancelled as a whole"""

    booking_id: UUID


@dataclass(unsafe_hash=True)
class Shortage:
    """An item of a booking with too few seats left."""

    event: str
    requested: int
    available: int


@dataclass(unsafe_hash=True)
class InsufficientSeats(Refusal):
    """Not enough seats left"""

    shortages: tuple[Shortage, ...]
    """Every item with too few seats left, in the order of the request."""


@dataclass(unsafe_hash=True)
class BookingNotFound(Refusal):
    """Booking not found"""


@dataclass(unsafe_hash=True)
class BookingAlreadyCancelled(Refusal):
    """Booking is already cancelled"""


@dataclass(unsafe_hash=True)
class IdempotencyKeyReused(Refusal):
    """Idempotency-Key was already used for another request"""


@dataclass(unsafe_hash=True)
class CapacityBelowSold(Refusal):
    """The capacity cannot be less than the seats already sold or held"""

    total_seats: int
    taken_seats: int


class Busy(Refusal):
    """Server is too busy, please try again"""


class OutcomeUnknown(Refusal):
    """The connection to the database was lost while saving, so the outcome is unknown"""
