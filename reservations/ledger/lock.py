"""Locks events, and reads the clock and keys under the lock (docs/decisions/0001)."""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet
from msgspec.structs import fields

from reservations import sql
from reservations.ledger.state import EventRow
from reservations.metrics import LOCK_WAIT_SECONDS
from reservations.models import ApiKey, Event, is_slug

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Locked(NamedTuple):
    """Locked events, and what was read after the locks were granted."""

    events: list[EventRow]
    """In the order of their primary keys."""
    now: datetime
    """PostgreSQL's time, which decides whether a hold has expired, because the clocks of hosts
    differ. The earliest possible time if there is nothing to lock."""
    rejected_keys: frozenset[str] = frozenset()
    """The ids of keys that are no longer valid."""


def lock_events(
    *, slugs: Collection[str] = (), pks: Collection[int] = (), keys: Collection[str] = ()
) -> Locked:
    """Lock the events with these slugs or primary keys until the transaction ends.

    Unknown slugs and primary keys are ignored. Only the returned columns are guaranteed to be
    current: read everything else with a later statement.

    Args:
        slugs: slugs of events.
        pks: primary keys of events.
        keys: ids of the keys of partners to check. A revocation that has committed before a lock is
            granted is seen.
    """
    valid = [slug for slug in slugs if is_slug(slug)]
    if not valid and not pks:
        return Locked([], _EARLIEST)
    statements = _lock_then_read_clock(len(valid), len(pks))
    if keys:
        statements = f"{statements};{_read_usable_keys(len(keys))}"
    with LOCK_WAIT_SECONDS.time(), connection.cursor() as cursor:
        cursor.execute(statements, [*valid, *pks, *keys])
        cursor.nextset()
        events = [EventRow(*row) for row in cursor.fetchall()]
        cursor.nextset()
        [now] = cursor.fetchone()
        if not keys:
            return Locked(events, now)
        cursor.nextset()
        usable = {row[0] for row in cursor.fetchall()}
    return Locked(events, now, frozenset(keys) - usable)


@lru_cache(maxsize=256)
def _lock_then_read_clock(slugs: int, pks: int) -> str:
    """Return the SQL that locks events by slug and by primary key, then reads the clock.

    ``slugs`` and ``pks`` are the numbers of parameters of each kind. The result is cached, because
    compiling the query is slow. The statements are sent in one message and executed in order, so
    the clock is read under the lock. Events are locked in the order of their primary keys, so that
    transactions cannot deadlock. ``NO KEY UPDATE`` is the lock that the later UPDATE takes as well.
    """
    # Placeholder values. They must differ, because the ORM removes duplicates from an IN list.
    named = Q(slug__in=[str(each) for each in range(slugs)]) | Q(pk__in=range(pks))
    events = Event.objects.filter(named).select_for_update(no_key=True).order_by("pk")
    columns = [each.name for each in fields(EventRow)]
    select = _compile(events.values_list(*columns), *map(str, range(slugs)), *range(pks))
    return ";".join([sql.AVOID_SEQUENTIAL_SCANS, select, sql.READ_CLOCK])


@lru_cache(maxsize=256)
def _read_usable_keys(number: int) -> str:
    """Return the SQL that reads which of ``number`` keys are usable, by their ids."""
    ids = [str(each) for each in range(number)]
    usable = ApiKey.objects.usable().filter(pk__in=ids).order_by()
    return _compile(usable.values_list("pk"), *ids)


def _compile(query: QuerySet[Any, Any], *parameters: object) -> str:
    """Return the SQL of ``query``, after a check of the order of its parameters."""
    select, compiled = query.query.sql_with_params()
    if compiled != parameters:
        raise RuntimeError("Django compiled the parameters of a query in an unexpected order")
    return select
