"""One transaction for a batch of commands, and what it means when the database fails it."""

from collections.abc import Sequence
from itertools import product
from typing import get_args

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from reservations.errors import Busy, OutcomeUnknown, Refusal
from reservations.ledger.books import Books
from reservations.ledger.commands import Command, Outcome
from reservations.ledger.decide import decide
from reservations.ledger.lock import lock_events
from reservations.metrics import COMMANDS, TRANSACTION_SECONDS
from reservations.models import Change

log = structlog.get_logger(__name__)

# A lock, statement or pool timeout, a deadlock, a refused or lost connection are operational
# errors; a connection ended for idling in its transaction, or one to a standby, an internal one.
_UNAVAILABLE = (OperationalError, InterfaceError, InternalError)

# From the start, since Prometheus cannot tell that a figure has risen which it has never seen.
for _command, _outcome in product(get_args(Command), (Busy, OutcomeUnknown)):
    COMMANDS.labels(_command.__name__, _outcome.__name__)


def commit(batch: Sequence[Command]) -> list[Outcome | Refusal]:
    """Commit ``batch`` in one transaction and return what became of each command, in order.

    Raises:
        Busy: the database was not to be had in time; certainly nothing was changed.
        OutcomeUnknown: it was lost during COMMIT and could not be asked since.
    """
    try:
        with TRANSACTION_SECONDS.time():
            outcomes = _transact(batch)
    except Refusal as refusal:
        _count(batch, [refusal] * len(batch))
        raise
    _count(batch, outcomes)
    return outcomes


def _count(batch: Sequence[Command], outcomes: Sequence[Outcome | Refusal]) -> None:
    for command, outcome in zip(batch, outcomes, strict=True):
        COMMANDS.labels(type(command).__name__, type(outcome).__name__).inc()


def _transact(batch: Sequence[Command]) -> list[Outcome | Refusal]:
    changes: Sequence[Change] = ()
    committing = False
    try:
        with transaction.atomic(durable=True):
            outcomes, changes = _carry_out(batch)
            committing = True
    except _UNAVAILABLE as error:
        log.warning("ledger.unavailable", committing=committing, reason=str(error))
        if not committing or not _took_effect(changes):
            raise Busy from error
    return outcomes


def _carry_out(batch: Sequence[Command]) -> tuple[list[Outcome | Refusal], Sequence[Change]]:
    books = Books(batch)
    outcomes: list[Outcome | Refusal] = []
    for command in batch:
        decision = decide(books.state, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
        else:
            books.record(decision)
            outcomes.append(decision.outcome)
    books.write()
    return outcomes, books.changes


def _took_effect(changes: Sequence[Change]) -> bool:
    """Return whether the transaction that wrote ``changes``, its COMMIT unanswered, committed.

    Its server process may still be at it. It holds the events' locks until it has ended either
    way, so whoever is granted one of them sees the truth.
    """
    if not changes:
        return True
    try:
        connection.close()
        with transaction.atomic(durable=True):
            lock_events(pks=[changes[0].event_id])
            return Change.objects.filter(pk=changes[0].pk).exists()
    except _UNAVAILABLE as error:
        log.exception("ledger.outcome_unknown", change=str(changes[0].pk))
        raise OutcomeUnknown from error
