"""Idempotency keys: each is claimed once, and has one answer from then on."""

from collections.abc import Sequence
from typing import Any

from reservations.errors import Busy, IdempotencyKeyReused
from reservations.models import IdempotencyRecord
from reservations.retry import Retry


class Claims:
    """The keys of a batch, each claimed by this transaction or answered by an earlier one."""

    def __init__(self, retries: Sequence[Retry]) -> None:
        """Claim the keys of ``retries``; wait for other transactions that are about to use them.

        Raises:
            Busy: a record was deleted for its age at this very moment.
        """
        self.written: list[IdempotencyRecord] = []
        self._records: dict[tuple[str, str], IdempotencyRecord] = {}
        # Of those with the same key, the first counts.
        wanted = {(retry.scope, retry.key): retry for retry in reversed(retries)}
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
            raise Busy

    def recall(self, retry: Retry | None) -> dict[str, Any] | IdempotencyKeyReused | None:
        """Return what the same request was answered before; None if it was not."""
        record = self._records[retry.scope, retry.key] if retry else None
        if retry is None or record is None or record.outcome is None:
            return None
        if record.fingerprint != retry.fingerprint:
            return IdempotencyKeyReused()
        answer: dict[str, Any] = record.outcome
        return answer

    def remember(self, retry: Retry, answer: dict[str, Any]) -> None:
        """Keep ``answer`` for the next request with the same key."""
        record = self._records[retry.scope, retry.key]
        record.fingerprint = retry.fingerprint
        record.outcome = answer
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
        raise IdempotencyKeyReused
