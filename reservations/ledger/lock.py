"""The one lock of the project, and the clock that is read under it (docs/decisions/0001)."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from functools import lru_cache

from django.db import connection
from django.db.models import Q

from reservations import sql
from reservations.ledger.state import EventRow
from reservations.metrics import LOCK_WAIT_SECONDS
from reservations.models import Event, is_slug


def lock_events(
    *, slugs: Collection[str] = (), pks: Collection[int] = ()
) -> tuple[list[EventRow], datetime]:
    """Lock the events named by ``slugs`` or ``pks`` until the transaction ends.

    Returns the events, and PostgreSQL's time as read under the lock. By it all holds are judged,
    since the clocks of hosts differ. With nothing to lock it is ``datetime.min``.

    Only the events' own columns are as fresh as the lock; read everything else by a statement of
    its own afterwards.
    """
    valid = [slug for slug in slugs if is_slug(slug)]
    if not valid and not pks:
        return [], datetime.min
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
    """Return the statements that lock so many events; Django compiles them once for each number.

    They are sent together and executed one after the other, so the clock is read under the lock.
    Always in the order of the primary key, so that no two transactions can deadlock. NO KEY UPDATE
    lets foreign keys to the events be checked meanwhile.
    """
    # Values to compile with, all different: the ORM drops what is twice in an IN.
    named = Q(slug__in=[str(each) for each in range(slugs)]) | Q(pk__in=range(pks))
    events = Event.objects.filter(named).select_for_update(no_key=True).order_by("pk")
    columns = [each.name for each in fields(EventRow)]
    select, parameters = events.values_list(*columns).query.sql_with_params()
    if parameters != (*map(str, range(slugs)), *range(pks)):
        raise RuntimeError("Django takes the parameters of the lock in another order")
    return ";".join([sql.AVOID_SEQUENTIAL_SCANS, select, sql.READ_CLOCK])
