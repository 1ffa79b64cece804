"""The only code that changes an event's numbers.

Hand ``submit`` a command; it returns the outcome, or raises the refusal. ``submit_batch`` takes
several at once.
"""

from reservations.ledger.commands import (
    Book,
    BookingItem,
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    Edits,
    ReleaseHolds,
    Reserve,
    Retry,
)
from reservations.ledger.outcomes import (
    Booked,
    BookedItem,
    BookingCancelled,
    Cancelled,
    Confirmed,
    Edited,
    HoldsReleased,
    Outcome,
    Reserved,
)
from reservations.ledger.retries import refuse_reuse
from reservations.ledger.submit import submit, submit_batch

__all__ = [
    "Book",
    "Booked",
    "BookedItem",
    "BookingCancelled",
    "BookingItem",
    "Cancel",
    "CancelBooking",
    "Cancelled",
    "Command",
    "Confirm",
    "Confirmed",
    "EditEvent",
    "Edited",
    "Edits",
    "HoldsReleased",
    "Outcome",
    "ReleaseHolds",
    "Reserve",
    "Reserved",
    "Retry",
    "refuse_reuse",
    "submit",
    "submit_batch",
]
