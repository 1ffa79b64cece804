"""The door of the ledger."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import get_args, overload

from django.conf import settings
from django.db import connection
from prometheus_client import Counter

from reservations.errors import Busy, OutcomeUnknown, Refusal
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
from reservations.ledger.group_commit import commit_together
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
from reservations.metrics import COMMANDS


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
    try:
        outcome = _commit(command)
    except Refusal as refusal:
        _count(command, refusal)
        raise
    _count(command, outcome)
    return outcome


def _commit(command: Command) -> Outcome:
    # Nobody can wait for others with a transaction of their own open; ``commit`` refuses that.
    if settings.GROUP_COMMIT and not connection.in_atomic_block:
        return commit_together(command)
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
    try:
        outcomes = commit(commands)
    except Refusal as refusal:
        for command in commands:
            _count(command, refusal)
        raise
    for command, outcome in zip(commands, outcomes, strict=True):
        _count(command, outcome)
    return outcomes


def _count(command: Command, outcome: Outcome | Refusal) -> None:
    replayed = getattr(outcome, "replayed", False)
    _counter(type(command).__name__, "Replayed" if replayed else type(outcome).__name__).inc()


@cache
def _counter(command: str, outcome: str) -> Counter:
    return COMMANDS.labels(command, outcome)


# From the start, since Prometheus cannot tell that a figure has risen which it has never seen.
for _command, _outcome in product(get_args(Command), (Busy, OutcomeUnknown)):
    _counter(_command.__name__, _outcome.__name__)
