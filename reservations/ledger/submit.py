"""The entry points of the ledger, for one command and for several."""

from collections.abc import Sequence
from functools import cache
from typing import TypeVar, cast, get_args

from django.conf import settings
from django.db import connection
from prometheus_client import Counter

from reservations.errors import Busy, OutcomeUnknown, Refusal
from reservations.ledger.commands import Command, CommandOf
from reservations.ledger.execute import execute_batch
from reservations.ledger.group_commit import commit_together
from reservations.ledger.outcomes import Outcome
from reservations.metrics import COMMANDS

_O = TypeVar("_O", bound=Outcome)


def submit(command: CommandOf[_O]) -> _O:
    """Execute ``command``, commit it, and return its outcome.

    Raises:
        Refusal: the command was refused, for the reason given by the subclass. It changed nothing;
            after ``OutcomeUnknown``, it may have been executed.
        RuntimeError: called inside a transaction; the ledger must commit its own.
    """
    concrete = cast("Command", command)
    try:
        # Inside a transaction of the caller, ``execute_batch`` raises RuntimeError.
        if settings.GROUP_COMMIT and not connection.in_atomic_block:
            outcome = commit_together(concrete)
        else:
            [outcome] = execute_batch([concrete])
    except Refusal as refusal:
        outcome = refusal
    if isinstance(outcome, Outcome | Refusal):
        _count(concrete, outcome)
    if isinstance(outcome, Exception):
        try:
            raise outcome
        finally:
            del outcome  # breaks the reference cycle between its traceback and this frame
    return cast("_O", outcome)


def submit_batch(commands: Sequence[Command]) -> list[Outcome | Refusal]:
    """Execute ``commands`` in one transaction; return the outcome or refusal of each, in order.

    A refused command does not affect the others.

    Raises:
        Busy: nothing was changed.
        OutcomeUnknown: it is not known whether the transaction has committed.
        RuntimeError: called inside a transaction; the ledger must commit its own.
    """
    try:
        outcomes = execute_batch(commands)
    except Refusal as refusal:
        for command in commands:
            _count(command, refusal)
        raise
    for command, outcome in zip(commands, outcomes, strict=True):
        _count(command, outcome)
    return outcomes


def _count(command: Command, outcome: Outcome | Refusal) -> None:
    label = "Replayed" if outcome.replayed else type(outcome).__name__
    _counter(type(command).__name__, label).inc()


@cache
def _counter(command: str, outcome: str) -> Counter:
    return COMMANDS.labels(command, outcome)


# Export these counters from the start: Prometheus cannot detect an increase in the first sample of
# a time series.
for _command in get_args(Command):
    for _outcome in (Busy, OutcomeUnknown):
        _counter(_command.__name__, _outcome.__name__)
