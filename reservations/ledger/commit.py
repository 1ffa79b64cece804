"""One transaction for a batch of commands, and what it means when the database fails it."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from reservations.claims import Claims
from reservations.errors import Busy, OutcomeUnknown, Refusal
from reservations.ledger.books import Books
from reservations.ledger.commands import Command
from reservations.ledger.decide import decide
from reservations.ledger.lock import lock_events
from reservations.ledger.memory import dump, load
from reservations.ledger.outbox import queue_mails
from reservations.ledger.outcomes import Outcome
from reservations.ledger.state import State
from reservations.metrics import TRANSACTION_SECONDS
from reservations.models import Change, IdempotencyRecord
from reservations.script import Script

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
            claims = Claims([command.retry for command in batch if command.retry])
            books = Books([each for each in batch if claims.recall(each.retry) is None])
            outcomes = [_answer(books.state, claims, command) for command in batch]
            witness = _witness(claims, books.state)
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


def _answer(state: State, claims: Claims, command: Command) -> Outcome | Refusal:
    remembered = claims.recall(command.retry)
    if remembered is not None:
        return remembered if isinstance(remembered, Refusal) else load(remembered)
    decision = decide(state, command)
    if isinstance(decision, Refusal):
        outcome: Outcome | Refusal = decision
    else:
        state.apply(decision)
        outcome = decision.outcome
    if command.retry and (data := dump(outcome)):
        claims.remember(command.retry, data)
    return outcome


class _Witness(NamedTuple):
    """A row that is there if and only if its transaction committed, and the events it locked."""

    table: type[Change | IdempotencyRecord]
    pk: UUID
    event_pks: Sequence[int]


def _witness(claims: Claims, state: State) -> _Witness | None:
    if state.entries:
        return _Witness(Change, next(iter(state.entries)), list(state.events))
    if claims.written:
        return _Witness(IdempotencyRecord, claims.written[0].pk, list(state.events))
    return None


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
