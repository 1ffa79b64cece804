"""Group commit: concurrent commands for an event share one transaction (docs/architecture.md).

All sales of an event lock the same row. With one transaction for each command, a buyer waits for
the round trips and the fsync of every earlier buyer. Buyers that share a transaction wait once.
"""

from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import connection

from reservations.batching import Batcher, Limits
from reservations.database_errors import connect, release_connection
from reservations.errors import OutcomeUnknown, Refusal
from reservations.ledger.commands import Command
from reservations.ledger.execute import execute_batch
from reservations.ledger.lookup import find_slugs
from reservations.ledger.outcomes import Outcome
from reservations.metrics import BATCH_COMMANDS

log = structlog.get_logger(__name__)

_SHARED_QUEUE = ""
"""Key of the queue for commands that concern several events. A slug is never empty."""


def commit_together(command: Command) -> Outcome | Exception:
    """Execute ``command`` in one transaction with concurrent commands for the same event.

    Returns:
        The command's outcome or refusal, or the exception raised by ``execute_batch``.

    Raises:
        Busy: the command was not executed, because the queue was full, its batch did not begin in
            time, or the database was unavailable or too slow.
        OutcomeUnknown: the connection was lost while the batch was committed, or its leader was
            killed.
    """
    # Return the connection of earlier queries of this request to the pool: only the leader of a
    # batch needs one, and callers must not hold one while they wait, for the lookup or the batch.
    release_connection()
    slugs = find_slugs(command)
    if isinstance(slugs, Refusal):
        return slugs
    return batcher.submit(slugs[0] if len(slugs) == 1 else _SHARED_QUEUE, command)


def _execute(batch: Sequence[Command]) -> Sequence[Outcome | Exception]:
    BATCH_COMMANDS.observe(len(batch))
    try:
        return execute_batch(batch)
    except Refusal:
        # No single command caused this, so executing them one by one would only take longer.
        raise
    except Exception:
        if len(batch) == 1:
            raise
        log.exception("ledger.batch_failed", commands=len(batch))
        return [_execute_alone(command) for command in batch]
    finally:
        connection.close()


def _execute_alone(command: Command) -> Outcome | Exception:
    try:
        [outcome] = _execute([command])
    except Exception as error:
        return error
    return outcome


batcher = Batcher(
    _execute,
    prepare=connect,
    leader_killed_error=OutcomeUnknown,
    limits=Limits(settings.GROUP_COMMIT_MAX_BATCH, settings.GROUP_COMMIT_MAX_QUEUE),
)
"""The queues of commands: one per event slug, and ``_SHARED_QUEUE``."""
