"""The one lock of the project, and the clock that is read under it."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.db import connection

from reservations.ledger.state import EventState
from reservations.metrics import LOCK_WAIT_SECONDS
from reservations.models import is_slug

# Sent together, executed one after the other, so that the clock is read under the lock. The first
# is for the foreign keys: PostgreSQL keeps the plans by which it checks them, and one that is made
# while a table is small reads all of it for each row, until a minute into a sale.
_LOCK_THEN_READ_CLOCK = f"""
    SET LOCAL enable_seqscan = off;
    SELECT {", ".join(each.name for each in fields(EventState))}
    FROM reservations_event
    WHERE slug = ANY(%(slugs)s) OR id = ANY(%(pks)s)
    ORDER BY id
    FOR NO KEY UPDATE;
    SELECT clock_timestamp()
"""  # noqa: S608 (the names are our own)


def lock_events(
    *, slugs: Collection[str] = (), pks: Collection[int] = ()
) -> tuple[list[EventState], datetime]:
    """Lock the events named by ``slugs`` or ``pks`` until the transaction ends; return them.

    Always in id order, so that no two transactions can deadlock. Foreign keys to the events need
    no part in this: NO KEY UPDATE lets them be checked meanwhile. Only the events' own columns
    are sure to be as fresh as the lock; read all else by a statement of its own afterwards. So is
    PostgreSQL's time, which is returned as well: by it all holds are judged, since hosts differ.
    Where there is nothing to lock, there is no time either, but the earliest there is.
    """
    wanted: dict[str, Any] = {"slugs": [slug for slug in slugs if is_slug(slug)], "pks": list(pks)}
    if not any(wanted.values()):
        return [], datetime.min
    with LOCK_WAIT_SECONDS.time(), connection.cursor() as cursor:
        cursor.execute(_LOCK_THEN_READ_CLOCK, wanted)
        cursor.nextset()
        events = [EventState(*row) for row in cursor.fetchall()]
        cursor.nextset()
        [now] = cursor.fetchone()
    return events, now
