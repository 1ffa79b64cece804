"""Verifies keys, with a cache in each process.

A revoked key can be used for reading for as long as it is cached. It cannot be used for selling,
because the ledger reads the key again under the event's lock (``ledger/lock.py``).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2s
from secrets import compare_digest, token_bytes
from threading import Lock
from time import monotonic
from typing import Any

import structlog
from cachetools import TTLCache
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from reservations.access import tokens
from reservations.access.caller import Caller
from reservations.database_errors import UNAVAILABLE, release_connection
from reservations.models import ApiKey
from reservations.shared_reads import SharedReader

log = structlog.get_logger(__name__)

CACHED_SECONDS = 10.0
"""How long a key is used without being read again."""
_UNKNOWN_SECONDS = 5.0
_MAX_UNKNOWN = 10_000
_USE_INTERVAL = timedelta(minutes=5)


class _Key:
    """A usable key, as read from the database."""

    def __init__(self, row: ApiKey, *, now: datetime, read_at: float) -> None:
        """Initialise with ``row``, and when it was read, by PostgreSQL's and a monotonic clock."""
        self.caller = Caller(partner=row.partner.slug, key_id=row.pk, scopes=frozenset(row.scopes))
        self.secret_hash = row.secret_hash
        remaining = CACHED_SECONDS
        if row.expires_at:
            remaining = min(remaining, (row.expires_at - now).total_seconds())
        self.valid_until = read_at + remaining
        self.is_use_due = not row.last_used_at or now - row.last_used_at >= _USE_INTERVAL


_known: dict[str, _Key] = {}
"""Keys by id. Clients cannot make it grow: it contains only keys that exist."""
_verified: dict[bytes, _Key] = {}
"""The same keys by a digest of their text, which is faster than to take the text apart and compare
the SHA-256 of the secret. The digest depends on a secret of the process (RFC 7693)."""
_digest_secret = token_bytes(32)
_unknown: TTLCache[str, None] = TTLCache(_MAX_UNKNOWN, _UNKNOWN_SECONDS)
"""Ids that no usable key has, so that guesses cost a query only once in a while."""
_unknown_lock = Lock()


def verify(text: str) -> Caller | None:
    """Return who sent the key ``text``; None if it is malformed, unknown, revoked or expired.

    None also if the partner is inactive. Concurrent calls share a query.

    Raises:
        Busy: the database is unavailable, or too many calls are waiting.
    """
    digest = blake2s(text.encode(), key=_digest_secret).digest()
    verified = _verified.get(digest)
    if verified and verified.valid_until > monotonic():
        return verified.caller
    token = tokens.parse(text)
    key = _find(token.id) if token else None
    if token is None or key is None or not compare_digest(key.secret_hash, token.secret_hash()):
        return None
    _verified[digest] = key
    if key.is_use_due:
        key.is_use_due = False
        _record_use(token.id)
    return key.caller


def _find(key_id: str) -> _Key | None:
    key = _known.get(key_id)
    return key if key and key.valid_until > monotonic() else _read(key_id)


def _read(key_id: str) -> _Key | None:
    with _unknown_lock:
        if key_id in _unknown:
            return None
    key = _reader.get(key_id)
    if key:
        _known[key_id] = key
    else:
        _known.pop(key_id, None)
        with _unknown_lock:
            _unknown[key_id] = None
    return key


def _read_keys(key_ids: Sequence[str]) -> list[_Key | None]:
    read_at = monotonic()
    keys = ApiKey.objects.usable().filter(pk__in=set(key_ids)).select_related("partner")
    rows: Iterable[Any] = keys.annotate(now=Now())
    found = {row.pk: _Key(row, now=row.now, read_at=read_at) for row in rows}
    return [found.get(key_id) for key_id in key_ids]


_reader = SharedReader(_read_keys)


def _record_use(key_id: str) -> None:
    """Update the time of the last use of a key. If that is not possible now, do nothing."""
    due = Q(last_used_at__isnull=True) | Q(last_used_at__lte=Now() - _USE_INTERVAL)
    keys = ApiKey.objects.filter(due, pk=key_id).order_by()
    try:
        with transaction.atomic():
            # Staff may be revoking the key at the moment.
            if keys.select_for_update(no_key=True, skip_locked=True).first():
                keys.update(last_used_at=Now())
    except UNAVAILABLE as error:
        log.warning("access.use_not_recorded", key=key_id, reason=str(error))
    finally:
        release_connection()
