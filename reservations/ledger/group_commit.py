"""Commands that arrive together share one transaction, see docs/architecture.md.

A hot event is one row. With a transaction for each command, every buyer waits for every other's
round trips and fsync; with one for many, they wait together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from reservations.batching import Batcher, Limits
from reservations.database_errors import UNAVAILABLE
from reservations.errors import Busy, OutcomeUnknown
from reservations.ledger.commands import Command, ReservationCommand
from reservations.ledger.execute import execute_batch
from reservations.ledger.outcomes import Outcome
from reservations.metrics import BATCH_COMMANDS
from reservations.models import Reservation

log = structlog.get_logger(__name__)

_SEVERAL = ""
"""The queue of commands about several events or an unknown one; no slug is empty."""


def commit_together(command: Command) -> Outcome | Exception:
    """Commit ``command`` together with those that arrive while another batch is under way.

    Returns its outcome, or what ``execute_batch`` raised for it.

    Raises:
        Busy: certainly nothing was changed.
        OutcomeUnknown: who led was killed.
    """
    slugs = command.slugs
    if isinstance(command, ReservationCommand):
        slugs = _events_of(command.reservation_id)
    # Whoever leads takes a connection. The others need none while they wait, but may have one of
    # what they read before.
    connection.close()
    return _batcher.submit(slugs[0] if len(slugs) == 1 else _SEVERAL, command)


def _events_of(reservation_id: UUID) -> tuple[str, ...]:
    with _available():
        reservations = Reservation.objects.filter(pk=reservation_id)
        return tuple(reservations.values_list("event__slug", flat=True))


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


def _execute(batch: Sequence[Command]) -> Sequence[Outcome | Exception]:
    BATCH_COMMANDS.observe(len(batch))
    try:
        return execute_batch(batch)
    except (Busy, OutcomeUnknown) as refusal:
        # Nobody's fault: to try one by one would only keep them all waiting for longer.
        return [type(refusal)() for _ in batch]
    except Exception as error:
        if len(batch) == 1:
            return [error]
        log.exception("ledger.batch_failed", commands=len(batch))
        return [outcome for command in batch for outcome in _execute([command])]
    finally:
        connection.close()


_batcher = Batcher(
    _execute,
    prepare=_connect,
    orphaned=OutcomeUnknown,
    limits=Limits(
        settings.GROUP_COMMIT_MAX_BATCH,
        settings.GROUP_COMMIT_MAX_QUEUE,
        settings.GROUP_COMMIT_QUEUE_TIMEOUT,
    ),
)
