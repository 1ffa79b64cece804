"""Executes a batch of commands in one transaction and translates database failures."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import connection, transaction

from reservations import deadline
from reservations.database_errors import UNAVAILABLE, rolled_back
from reservations.deadline import Deadline
from reservations.errors import Busy, OutcomeUnknown, Refusal
from reservations.idempotency.codec import OutcomeCodec
from reservations.idempotency.store import IdempotencyStore
from reservations.ledger.bulk_writer import BulkWriter
from reservations.ledger.commands import Command
from reservations.ledger.lock import lock_events
from reservations.ledger.outbox import queue_mails
from reservations.ledger.outcomes import REMEMBERED_OUTCOMES, Outcome
from reservations.ledger.rules import decide
from reservations.ledger.state import State
from reservations.ledger.unit_of_work import UnitOfWork
from reservations.metrics import TRANSACTION_SECONDS
from reservations.models import Change, IdempotencyRecord

log = structlog.get_logger(__name__)

_codec = OutcomeCodec(REMEMBERED_OUTCOMES)


def execute_batch(batch: Sequence[Command]) -> list[Outcome | Refusal]:
    """Execute ``batch`` in one transaction; return each command's outcome or refusal, in order.

    Raises:
        Busy: the database was unavailable or too slow for the deadline, or an idempotency record
            was pruned before it could be read; nothing was changed.
        OutcomeUnknown: the database failed while writing or committing, and the ledger could not
            find out afterwards whether the transaction had committed.
        RuntimeError: called inside a transaction.
    """
    with deadline.within(deadline.current() or Deadline.start()) as limit:
        return _execute_within(limit, batch)


def _execute_within(limit: Deadline, batch: Sequence[Command]) -> list[Outcome | Refusal]:
    marker = None
    committing = False
    outermost = not connection.in_atomic_block  # False only in tests that run in a transaction.
    try:
        with TRANSACTION_SECONDS.time(), transaction.atomic(durable=True):
            store = IdempotencyStore(_codec)
            store.claim([each.idempotency_key for each in batch if each.idempotency_key])
            work = UnitOfWork.load([each for each in batch if each.idempotency_key not in store])
            outcomes = [_execute(work.state, store, command) for command in batch]
            store.save()
            queue_mails(outcomes)
            writer = BulkWriter()
            work.save(writer)
            if outermost:
                writer.append_commit()
            marker = _marker(store, work.state)
            limit.check()
            committing = True
            with deadline.within(limit.committing()):
                writer.flush()
    except UNAVAILABLE as error:
        log.warning("ledger.unavailable", committing=committing, reason=str(error))
        if not committing or rolled_back(error) or not _has_committed(marker, limit):
            raise Busy from error
    return outcomes


def _execute(state: State, store: IdempotencyStore, command: Command) -> Outcome | Refusal:
    remembered: Outcome | Refusal | None = store.get(command.idempotency_key)
    if remembered is not None:
        return remembered
    decision = decide(state, command)
    if isinstance(decision, Refusal):
        outcome: Outcome | Refusal = decision
    else:
        state.evolve(decision, request_id=command.request_id)
        outcome = decision.outcome
    store.put(command.idempotency_key, outcome)
    return outcome


class _Marker(NamedTuple):
    """A row that exists only if its transaction committed, and the events locked by it."""

    table: type[Change | IdempotencyRecord]
    pk: UUID
    event_pks: Sequence[int]


def _marker(store: IdempotencyStore, state: State) -> _Marker | None:
    if state.changes:
        return _Marker(Change, state.changes[0].id, list(state.events))
    if store.written:
        return _Marker(IdempotencyRecord, store.written[0].pk, list(state.events))
    return None


def _has_committed(marker: _Marker | None, limit: Deadline) -> bool:
    """Return whether the transaction of ``marker`` has committed, after a failed write or COMMIT.

    If the connection was lost, its PostgreSQL process may still be running. That process holds the
    events' locks until the transaction ends, so lock one of the events before reading the row.

    Without a marker, return True: the batch released expired holds at most. If that was rolled
    back, the next transaction releases them.

    Raises:
        OutcomeUnknown: the database could not be queried.
    """
    if marker is None:
        return True
    try:
        connection.close()
        with deadline.within(limit.after_commit()), transaction.atomic(durable=True):
            lock_events(pks=marker.event_pks[:1])
            return marker.table.objects.filter(pk=marker.pk).exists()
    except UNAVAILABLE as error:
        log.exception("ledger.outcome_unknown", row=f"{marker.table.__name__} {marker.pk}")
        raise OutcomeUnknown from error
