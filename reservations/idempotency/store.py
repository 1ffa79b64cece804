"""Stores idempotency keys: one transaction claims a key and stores its outcome."""

from collections.abc import Sequence
from typing import Any

from reservations.errors import Busy, IdempotencyKeyReused
from reservations.idempotency.codec import OutcomeCodec
from reservations.idempotency.key import IdempotencyKey
from reservations.models import IdempotencyRecord


class IdempotencyStore:
    """The keys of one transaction: claimed by it, or with the outcome of an earlier one."""

    def __init__(self, codec: OutcomeCodec) -> None:
        """Create a store that converts outcomes with ``codec``."""
        self._codec = codec
        self._records: dict[tuple[str, str], IdempotencyRecord] = {}
        self.written: list[IdempotencyRecord] = []
        """The records with a new outcome, which ``save`` writes."""

    def claim(self, keys: Sequence[IdempotencyKey]) -> None:
        """Claim ``keys``, after waiting for other transactions that have claimed any of them.

        Raises:
            Busy: an existing record was pruned before it could be read.
        """
        # Of commands with the same key, the first one claims it.
        distinct = {(each.scope, each.key): each for each in reversed(keys)}
        if not distinct:
            return
        # The INSERT waits for other transactions that are inserting the same key. Keys are inserted
        # in sorted order and before events are locked, so that transactions cannot deadlock.
        IdempotencyRecord.objects.bulk_create(
            [
                IdempotencyRecord(
                    scope=scope, key=key, fingerprint=distinct[scope, key].fingerprint
                )
                for scope, key in sorted(distinct)
            ],
            ignore_conflicts=True,
        )
        stored = IdempotencyRecord.objects.filter(
            scope__in={scope for scope, _ in distinct}, key__in={key for _, key in distinct}
        )
        self._records = {(record.scope, record.key): record for record in stored}
        if not distinct.keys() <= self._records.keys():
            raise Busy

    def __contains__(self, key: IdempotencyKey | None) -> bool:
        """Return whether ``key`` has an outcome; False for None."""
        return key is not None and self._records[key.scope, key.key].outcome is not None

    def get(self, key: IdempotencyKey | None) -> Any:
        """Return the outcome or refusal stored for ``key``, or None.

        The result is ``IdempotencyKeyReused`` if it was stored for a different request.
        """
        record = self._records[key.scope, key.key] if key else None
        if key is None or record is None or record.outcome is None:
            return None
        if record.fingerprint != key.fingerprint:
            return IdempotencyKeyReused()
        return self._codec.load(record.outcome)

    def put(self, key: IdempotencyKey | None, outcome: object) -> None:
        """Set the outcome of ``key`` if it is final, that is, if the codec accepts its type."""
        data = self._codec.dump(outcome) if key else None
        if key is None or data is None:
            return
        record = self._records[key.scope, key.key]
        record.fingerprint = key.fingerprint
        record.outcome = data
        self.written.append(record)

    def save(self) -> None:
        """Write the new outcomes and delete claims without an outcome."""
        if not self._records:
            return
        IdempotencyRecord.objects.bulk_update(self.written, ["fingerprint", "outcome"])
        unused = [each.pk for each in self._records.values() if each.outcome is None]
        IdempotencyRecord.objects.filter(pk__in=unused).delete()


def refuse_reuse(key: IdempotencyKey) -> None:
    """Check that ``key`` was not used for another request.

    Raises:
        IdempotencyKeyReused: its record has another fingerprint.
    """
    records = IdempotencyRecord.objects.filter(scope=key.scope, key=key.key)
    if records.exclude(fingerprint=key.fingerprint).exists():
        raise IdempotencyKeyReused
