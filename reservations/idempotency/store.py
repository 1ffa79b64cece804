"""Where idempotency keys are remembered: each is claimed once, and then has one outcome."""

from collections.abc import Sequence
from typing import Any

from reservations.errors import Busy, IdempotencyKeyReused
from reservations.idempotency.codec import OutcomeCodec
from reservations.idempotency.key import IdempotencyKey
from reservations.models import IdempotencyRecord


class IdempotencyStore:
    """The keys of one transaction: claimed by it, or with the outcome of an earlier one."""

    def __init__(self, codec: OutcomeCodec) -> None:
        """Store outcomes as ``codec`` writes them."""
        self._codec = codec
        self._records: dict[tuple[str, str], IdempotencyRecord] = {}
        self.written: list[IdempotencyRecord] = []
        """The records that ``save`` stores."""

    def claim(self, keys: Sequence[IdempotencyKey]) -> None:
        """Claim ``keys``; wait for other transactions that have claimed one of them.

        Raises:
            Busy: a record was deleted for its age at this very moment.
        """
        # Of equal keys, the first counts.
        distinct = {(each.scope, each.key): each for each in reversed(keys)}
        if not distinct:
            return
        # Inserting a key waits for whoever else is inserting it. In sorted order, and before any
        # event is locked: two transactions that want the same keys and events cannot deadlock.
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
        """Return whether ``key``, if there is one, has an outcome."""
        return key is not None and self._records[key.scope, key.key].outcome is not None

    def get(self, key: IdempotencyKey | None) -> Any:
        """Return the outcome or refusal of the first command with ``key``; None if it is the first.

        For another request than the first it is ``IdempotencyKeyReused``.
        """
        record = self._records[key.scope, key.key] if key else None
        if key is None or record is None or record.outcome is None:
            return None
        if record.fingerprint != key.fingerprint:
            return IdempotencyKeyReused()
        return self._codec.load(record.outcome)

    def put(self, key: IdempotencyKey | None, outcome: object) -> None:
        """Remember ``outcome`` for the next command with ``key``, if it is final."""
        data = self._codec.dump(outcome) if key else None
        if key is None or data is None:
            return
        record = self._records[key.scope, key.key]
        record.fingerprint = key.fingerprint
        record.outcome = data
        self.written.append(record)

    def save(self) -> None:
        """Store the remembered outcomes, and give up the other claims."""
        if not self._records:
            return
        IdempotencyRecord.objects.bulk_update(self.written, ["fingerprint", "outcome"])
        unused = [each.pk for each in self._records.values() if each.outcome is None]
        IdempotencyRecord.objects.filter(pk__in=unused).delete()


def refuse_reuse(key: IdempotencyKey) -> None:
    """Check, before a command is made, that ``key`` belongs to no other request.

    Raises:
        IdempotencyKeyReused: it does.
    """
    records = IdempotencyRecord.objects.filter(scope=key.scope, key=key.key)
    if records.exclude(fingerprint=key.fingerprint).exists():
        raise IdempotencyKeyReused
