"""The door of the ledger."""

from collections.abc import Sequence
from typing import overload

from reservations.errors import Refusal
from reservations.ledger.commands import (
    Book,
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    ReleaseHolds,
    Reserve,
)
from reservations.ledger.commit import commit
from reservations.ledger.outcomes import (
    Booked,
    BookingCancelled,
    Cancelled,
    Confirmed,
    Edited,
    HoldsReleased,
    Outcome,
    Reserved,
)


@overload
def submit(command: Reserve) -> Reserved: ...
@overload
def submit(command: Confirm) -> Confirmed: ...
@overload
def submit(command: Cancel) -> Cancelled: ...
@overload
def submit(command: Book) -> Booked: ...
@overload
def submit(command: CancelBooking) -> BookingCancelled: ...
@overload
def submit(command: EditEvent) -> Edited: ...
@overload
def submit(command: ReleaseHolds) -> HoldsReleased: ...
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


def submit_batch(commands: Sequence[Command]) -> list[Outcome | Refusal]:
    """Carry out ``commands`` in one transaction; return what became of each, in their order.

    One that is refused does not stop the others.

    Raises:
        Busy: nothing was changed.
        OutcomeUnknown: it is open whether anything was.
        RuntimeError: when called inside a transaction, whose end the ledger could not see.
    """
    return commit(commands)
