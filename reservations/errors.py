"""Every refusal: a small class whose docstring is the sentence a caller reads.

Nothing here knows HTTP; ``reservations.api.errors`` maps each class to a status.
"""

import inspect
from dataclasses import dataclass


class Refusal(Exception):
    """The request was refused"""

    def __str__(self) -> str:
        return inspect.getdoc(type(self)) or type(self).__name__


@dataclass(unsafe_hash=True)
class EventNotFound(Refusal):
    """Event not found"""

    event: str


@dataclass(unsafe_hash=True)
class EventExists(Refusal):
    """There is an event with this slug already"""

    event: str


@dataclass(unsafe_hash=True)
class NotEnoughSeats(Refusal):
    """Not enough seats left"""

    requested: int
    available_seats: int


@dataclass(unsafe_hash=True)
class ReservationNotFound(Refusal):
    """Reservation not found or already cancelled"""


@dataclass(unsafe_hash=True)
class CapacityBelowSold(Refusal):
    """The capacity cannot be less than the seats already sold"""

    total_seats: int
    sold_seats: int


class Busy(Refusal):
    """Server is too busy, please try again"""


class OutcomeUnknown(Refusal):
    """The database was lost while saving, so the outcome is not known"""
