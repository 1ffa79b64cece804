"""One transaction for a batch of commands, and what it means when the database fails it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

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
from reservations.ledger.script import Script
from reservations.metrics import TRANSACTION_SECONDS
from reservations.models import Change, IdempotencyRecord

log = structlog.get_logger(__name__)

# A lock, statement or pool timeout, a deadlock, a refused or lost connection are operational
# errors; a connection ended for idling in its transaction, or one to a standby, an internal one.
UNAVAILABLE = (OperationalError, InterfaceError, InternalError)


def commit(batch: Sequence[Command]) -> list[Outcome | Refusal]:
    """Commit ``batch`` in one transaction and return what became of each command, in order.

    Raises:
        Busy: the database was not to be had in time; certainly nothing was changed.
        OutcomeUnknown: it was lost during COMMIT and could not be asked since.
    """
    witness = None
    committing = False
    outermost = not connection.in_atomic_block  # A test may have one of its own around it.
    try:
        with TRANSACTION_SECONDS.time(), transaction.atomic(durable=True):
            claims, books, outcomes = _decide(batch)
            witness = _witness(claims, books)
            committing = True
            claims.write()
            queue_mails(outcomes)
            script = Script()
            books.write(script)
            if outermost:
                script.commit()
            script.run()
    except UNAVAILABLE as error:
        log.warning("ledger.unavailable", committing=committing, reason=str(error))
        if not committing or not _took_effect(witness):
            raise Busy from error
    return outcomes


def _decide(batch: Sequence[Command]) -> tuple[Claims, Books, list[Outcome | Refusal]]:
    claims = Claims(batch)
    books = Books([command for command in batch if claims.recall(command) is None])
    return claims, books, [_answer(books, claims, command) for command in batch]


@dataclass(frozen=True, slots=True)
class _Witness:
    """A row that is there if and only if its transaction committed, and the events it locked."""

    table: type[Change | IdempotencyRecord]
    pk: UUID
    event_pks: Sequence[int]


def _witness(claims: Claims, books: Books) -> _Witness | None:
    if books.first_change:
        return _Witness(Change, books.first_change, books.event_pks)
    if claims.written:
        return _Witness(IdempotencyRecord, claims.written[0].pk, books.event_pks)
    return None


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
            return witness.table.objects.filter(pk=witness.pk).exists()
    except UNAVAILABLE as error:
        log.exception("ledger.outcome_unknown", row=f"{witness.table.__name__} {witness.pk}")
        raise OutcomeUnknown from error
