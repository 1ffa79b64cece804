"""The only code that changes an event's numbers.

Hand ``submit`` a command; it returns the outcome, or raises the refusal. ``submit_batch`` takes
several at once.
"""

from reservations.ledger.commands import (
    Cancel,
    Cancelled,
    Command,
    Edited,
    EditEvent,
    Edits,
    Outcome,
    Reserve,
    Reserved,
)
from reservations.ledger.submit import submit, submit_batch

__all__ = [
    "Cancel",
    "Cancelled",
    "Command",
    "EditEvent",
    "Edited",
    "Edits",
    "Outcome",
    "Reserve",
    "Reserved",
    "submit",
    "submit_batch",
]
