"""Stores idempotency keys: one transaction claims a key and stores its outcome."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import QuerySet

from reservations.errors import Busy, IdempotencyKeyReused
from reservations.idempotency.codec import OutcomeCodec
from reservations.idempotency.key import IdempotencyKey
from reservations.models import IdempotencyRecord
from reservations.shared_reads import SharedReader


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
        self._records = {(each.scope, each.key): each for each in _records_of(distinct)}
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
    """Check that ``key`` was not used for another request. Concurrent calls share a query.

    Raises:
        IdempotencyKeyReused: its record has another fingerprint.
        Busy: too many calls are waiting, or the call waited too long.
    """
    if _fingerprints.get(key) not in {None, key.fingerprint}:
        raise IdempotencyKeyReused


def is_stored(key: IdempotencyKey) -> bool:
    """Return whether ``key`` has an outcome. Concurrent calls share a query.

    Raises:
        Busy: too many calls are waiting, or the call waited too long.
    """
    return _fingerprints.get(key) is not None


def _read_fingerprints(keys: Sequence[IdempotencyKey]) -> list[str | None]:
    records = _records_of({(each.scope, each.key) for each in keys})
    rows = records.values_list("scope", "key", "fingerprint")
    found = {(scope, key): fingerprint for scope, key, fingerprint in rows}
    return [found.get((each.scope, each.key)) for each in keys]


def _records_of(names: Collection[tuple[str, str]]) -> QuerySet[IdempotencyRecord]:
    """Return the records with these scopes and keys, and perhaps some with other pairs of them."""
    return IdempotencyRecord.objects.filter(
        scope__in={scope for scope, _ in names}, key__in={key for _, key in names}
    )


_fingerprints = SharedReader(_read_fingerprints)
