"""Commands that arrive together share one transaction, see docs/architecture.md.

A hot event is one row. With a transaction for each command, every buyer waits for every other's
round trips and fsync; with one for many, they wait together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import connection

from reservations.batching import Batcher, Limits
from reservations.errors import Busy, OutcomeUnknown
from reservations.ledger import load
from reservations.ledger.commands import Command
from reservations.ledger.commit import UNAVAILABLE, commit
from reservations.ledger.outcomes import Outcome
from reservations.metrics import BATCH_COMMANDS

log = structlog.get_logger(__name__)

_SEVERAL = ""
"""The queue of commands about more than one event; no slug is empty."""


def commit_together(command: Command) -> Outcome:
    """Commit ``command`` together with those that arrive while another batch is under way.

    Raises:
        Refusal: the subclass says why; only ``OutcomeUnknown`` leaves open what happened.
    """
    with _available():
        events = load.events_of(command)
    # Whoever leads takes a connection. The others need none while they wait.
    connection.close()
    outcome = _batcher.submit(events[0] if len(events) == 1 else _SEVERAL, command)
    if isinstance(outcome, Exception):
        try:
            raise outcome
        finally:
            del outcome  # else its traceback and this frame hold each other
    return outcome


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except UNAVAILABLE as error:
        log.warning("ledger.unavailable", committing=False, reason=str(error))
        raise Busy from error


def _connect() -> None:
    with _available():
        connection.ensure_connection()


def _commit(batch: Sequence[Command]) -> Sequence[Outcome | Exception]:
    BATCH_COMMANDS.observe(len(batch))
    try:
        return commit(batch)
    except (Busy, OutcomeUnknown) as refusal:
        # Nobody's fault: to try one by one would only keep them all waiting for longer.
        return [type(refusal)() for _ in batch]
    except Exception as error:
        if len(batch) == 1:
            return [error]
        log.exception("ledger.batch_failed", commands=len(batch))
        return [outcome for command in batch for outcome in _commit([command])]
    finally:
        connection.close()


_batcher = Batcher(
    _commit,
    prepare=_connect,
    orphaned=OutcomeUnknown,
    limits=Limits(settings.MAX_BATCH, settings.MAX_QUEUE, settings.QUEUE_TIMEOUT),
)
