"""One transaction for a batch of commands, and what it means when the database fails it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import get_args

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from reservations.errors import Busy, OutcomeUnknown, Refusal
from reservations.ledger.books import Books
from reservations.ledger.commands import Command
from reservations.ledger.decide import decide
from reservations.ledger.lock import lock_events
from reservations.ledger.outbox import queue_mails
from reservations.ledger.outcomes import Outcome
from reservations.ledger.retries import Claims
from reservations.metrics import COMMANDS, TRANSACTION_SECONDS
from reservations.models import Change, IdempotencyRecord

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
        replayed = getattr(outcome, "replayed", False)
        label = "Replayed" if replayed else type(outcome).__name__
        COMMANDS.labels(type(command).__name__, label).inc()


@dataclass(frozen=True, slots=True)
class _Witness:
    """A row that is there if and only if its transaction committed, and the events it locked."""

    row: Change | IdempotencyRecord
    event_pks: Sequence[int]


def _transact(batch: Sequence[Command]) -> list[Outcome | Refusal]:
    witness = None
    committing = False
    try:
        with transaction.atomic(durable=True):
            outcomes, witness = _carry_out(batch)
            committing = True
    except _UNAVAILABLE as error:
        log.warning("ledger.unavailable", committing=committing, reason=str(error))
        if not committing or not _took_effect(witness):
            raise Busy from error
    return outcomes


def _carry_out(batch: Sequence[Command]) -> tuple[list[Outcome | Refusal], _Witness | None]:
    claims = Claims(batch)
    books = Books([command for command in batch if claims.recall(command) is None])
    outcomes = [_answer(books, claims, command) for command in batch]
    books.write()
    claims.write()
    queue_mails(outcomes)
    written: list[Change | IdempotencyRecord] = [*books.changes[:1], *claims.written[:1]]
    return outcomes, _Witness(written[0], books.event_pks) if written else None


def _answer(books: Books, claims: Claims, command: Command) -> Outcome | Refusal:
    remembered = claims.recall(command)
    if remembered is not None:
        return remembered
    decision = decide(books.state, command)
    if isinstance(decision, Refusal):
        outcome: Outcome | Refusal = decision
    else:
        books.record(decision)
        outcome = decision.outcome
    claims.remember(command, outcome)
    return outcome


def _took_effect(witness: _Witness | None) -> bool:
    """Return whether the transaction of ``witness``, its COMMIT unanswered, committed.

    Its server process may still be at it. It holds the events' locks until it has ended either
    way, so whoever is granted one of them sees the truth.
    """
    if witness is None:
        return True
    try:
        connection.close()
        with transaction.atomic(durable=True):
            lock_events(pks=witness.event_pks[:1])
            return type(witness.row).objects.filter(pk=witness.row.pk).exists()
    except _UNAVAILABLE as error:
        table = type(witness.row).__name__
        log.exception("ledger.outcome_unknown", row=f"{table} {witness.row.pk}")
        raise OutcomeUnknown from error
