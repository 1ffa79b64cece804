"""Locks events, and reads the clock under the lock (docs/decisions/0001)."""

from collections.abc import Collection
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache

from django.db import connection
from django.db.models import Q

from reservations import sql
from reservations.ledger.state import EventRow
from reservations.metrics import LOCK_WAIT_SECONDS
from reservations.models import Event, is_slug

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def lock_events(
    *, slugs: Collection[str] = (), pks: Collection[int] = ()
) -> tuple[list[EventRow], datetime]:
    """Lock the events with these slugs or primary keys until the transaction ends.

    Unknown slugs and primary keys are ignored. Only the returned columns are guaranteed to be
    current: read everything else with a later statement.

    Returns:
        The events, in the order of their primary keys, and PostgreSQL's time, read after the locks
        were granted. That time decides whether a hold has expired, because the clocks of hosts
        differ. It is the earliest possible time if there is nothing to lock.
    """
    valid = [slug for slug in slugs if is_slug(slug)]
    if not valid and not pks:
        return [], _EARLIEST
    statements = _lock_then_read_clock(len(valid), len(pks))
    with LOCK_WAIT_SECONDS.time(), connection.cursor() as cursor:
        cursor.execute(statements, [*valid, *pks])
        cursor.nextset()
        events = [EventRow(*row) for row in cursor.fetchall()]
        cursor.nextset()
        [now] = cursor.fetchone()
    return events, now


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
    select, parameters = events.values_list(*columns).query.sql_with_params()
    if parameters != (*map(str, range(slugs)), *range(pks)):
        raise RuntimeError("Django compiled the parameters of the lock in an unexpected order")
    return ";".join([sql.AVOID_SEQUENTIAL_SCANS, select, sql.READ_CLOCK])
