"""The only code that changes an event's numbers.

Hand ``submit`` a command; it returns the outcome, or raises the refusal.
"""

from reservations.ledger.commands import (
    Cancel,
    Cancelled,
    CapacitySet,
    Command,
    Outcome,
    Reserve,
    Reserved,
    SetCapacity,
)
from reservations.ledger.submit import submit

__all__ = [
    "Cancel",
    "Cancelled",
    "CapacitySet",
    "Command",
    "Outcome",
    "Reserve",
    "Reserved",
    "SetCapacity",
    "submit",
]
