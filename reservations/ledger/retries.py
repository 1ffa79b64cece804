"""Idempotency keys: the second command with a key has the outcome of the first."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast, get_args
from uuid import UUID

from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from reservations import errors
from reservations.errors import Refusal
from reservations.ledger import outcomes
from reservations.ledger.commands import Command, Retry
from reservations.ledger.outcomes import Outcome
from reservations.models import IdempotencyRecord

_Remembered = (
    outcomes.Reserved
    | outcomes.Confirmed
    | outcomes.Cancelled
    | outcomes.Booked
    | outcomes.BookingCancelled
    | outcomes.Edited
    | errors.NotEnoughSeats
    | errors.InsufficientSeats
    | errors.HoldExpired
    | errors.BookingAlreadyCancelled
)
"""Outcomes that are final. A refusal that a moment can change is not: it is decided again."""

_converter = make_converter(omit_if_default=True)
_converter.register_structure_hook(UUID, lambda text, _: UUID(text))
_converter.register_unstructure_hook(UUID, str)
configure_tagged_union(_Remembered, _converter, tag_name="type")


class Claims:
    """The keys of a batch, each claimed by this transaction or answered by an earlier one."""

    def __init__(self, batch: Sequence[Command]) -> None:
        """Claim the keys of ``batch``; wait for other transactions that are about to use them.

        Raises:
            Busy: a record was deleted for its age at this very moment.
        """
        self.written: list[IdempotencyRecord] = []
        self._records: dict[tuple[str, str], IdempotencyRecord] = {}
        # Of those with the same key, the first counts.
        retries = [command.retry for command in reversed(batch) if command.retry]
        wanted = {(retry.scope, retry.key): retry for retry in retries}
        if wanted:
            self._claim([wanted[each] for each in sorted(wanted)])

    def _claim(self, retries: Sequence[Retry]) -> None:
        # Inserting a key waits for whoever else is inserting it. In sorted order, and before any
        # event is locked: two transactions that want the same keys and events cannot deadlock.
        IdempotencyRecord.objects.bulk_create(
            [
                IdempotencyRecord(scope=each.scope, key=each.key, fingerprint=each.fingerprint)
                for each in retries
            ],
            ignore_conflicts=True,
        )
        stored = IdempotencyRecord.objects.filter(
            scope__in={each.scope for each in retries}, key__in=[each.key for each in retries]
        )
        self._records = {(record.scope, record.key): record for record in stored}
        if any((each.scope, each.key) not in self._records for each in retries):
            raise errors.Busy

    def recall(self, retry: Retry | None) -> Outcome | Refusal | None:
        """Return what a command with the same key was answered; None if there was none."""
        record = self._records[retry.scope, retry.key] if retry else None
        if retry is None or record is None or record.outcome is None:
            return None
        if record.fingerprint != retry.fingerprint:
            return errors.IdempotencyKeyReused()
        return _load(record.outcome)

    def remember(self, retry: Retry | None, outcome: Outcome | Refusal) -> None:
        """Keep ``outcome``, if it is final, for the next command with the same key."""
        if retry and isinstance(outcome, get_args(_Remembered)):
            record = self._records[retry.scope, retry.key]
            record.fingerprint = retry.fingerprint
            record.outcome = _converter.unstructure(outcome, unstructure_as=_Remembered)
            self.written.append(record)

    def write(self) -> None:
        """Store what is to be remembered, and give up the other claims."""
        if not self._records:
            return
        IdempotencyRecord.objects.bulk_update(self.written, ["fingerprint", "outcome"])
        unused = [each.pk for each in self._records.values() if each.outcome is None]
        IdempotencyRecord.objects.filter(pk__in=unused).delete()


def refuse_reuse(retry: Retry) -> None:
    """Look whether the key of ``retry`` belongs to another request; for one that is no command.

    Raises:
        IdempotencyKeyReused: it does.
    """
    records = IdempotencyRecord.objects.filter(scope=retry.scope, key=retry.key)
    if records.exclude(fingerprint=retry.fingerprint).exists():
        raise errors.IdempotencyKeyReused


def _load(data: dict[str, Any]) -> Outcome | Refusal:
    outcome = _converter.structure(data, cast("Any", _Remembered))  # A union is no type to mypy.
    if isinstance(outcome, Refusal):
        outcome.replayed = True
        return outcome
    return cast("Outcome", replace(outcome, replayed=True))
