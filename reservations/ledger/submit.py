"""The ledger's entry points: one command, or a batch."""

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
    """Carry out ``command`` and return its outcome, once it is committed.

    Raises:
        Refusal: the subclass says why; only ``OutcomeUnknown`` leaves open what happened.
        RuntimeError: when called inside a transaction, whose end the ledger could not see.
    """
    one = cast("Command", command)
    try:
        # In a transaction of the caller's own, ``execute_batch`` refuses the command.
        if settings.GROUP_COMMIT and not connection.in_atomic_block:
            outcome = commit_together(one)
        else:
            [outcome] = execute_batch([one])
    except Refusal as refusal:
        outcome = refusal
    if isinstance(outcome, Outcome | Refusal):
        _count(one, outcome)
    if isinstance(outcome, Exception):
        try:
            raise outcome
        finally:
            del outcome  # else its traceback and this frame hold each other
    return cast("_O", outcome)


def submit_batch(commands: Sequence[Command]) -> list[Outcome | Refusal]:
    """Carry out ``commands`` in one transaction; return what became of each, in their order.

    One that is refused does not stop the others.

    Raises:
        Busy: nothing was changed.
        OutcomeUnknown: it is open whether anything was.
        RuntimeError: when called inside a transaction, whose end the ledger could not see.
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
    told = "Replayed" if outcome.replayed else type(outcome).__name__
    _counter(type(command).__name__, told).inc()


@cache
def _counter(command: str, outcome: str) -> Counter:
    return COMMANDS.labels(command, outcome)


# From the start, since Prometheus cannot tell that a figure has risen which it has never seen.
for _command in get_args(Command):
    for _outcome in (Busy, OutcomeUnknown):
        _counter(_command.__name__, _outcome.__name__)
