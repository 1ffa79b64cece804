"""The door of the ledger."""

from typing import overload

from reservations.errors import Refusal
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
from reservations.ledger.commit import commit


@overload
def submit(command: Reserve) -> Reserved: ...
@overload
def submit(command: Cancel) -> Cancelled: ...
@overload
def submit(command: SetCapacity) -> CapacitySet: ...
def submit(command: Command) -> Outcome:
    """Carry out ``command`` and return its outcome, once it is committed.

    Raises:
        Refusal: the subclass says why; only ``OutcomeUnknown`` leaves open what happened.
        RuntimeError: when called inside a transaction, whose end the ledger could not see.
    """
    [outcome] = commit([command])
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome
