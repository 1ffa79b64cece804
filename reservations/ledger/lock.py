"""The one lock of the project, and the clock that is read under it."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection
from django.db.models import Q

from reservations.metrics import LOCK_WAIT_SECONDS
from reservations.models import Event, is_slug


def lock_events(*, slugs: Collection[str] = (), pks: Collection[int] = ()) -> list[Event]:
    """Lock the events named by ``slugs`` or ``pks`` until the transaction ends; return them.

    Always in id order, so that no two transactions can deadlock. Foreign keys to the events need
    no part in this: NO KEY UPDATE lets them be checked meanwhile. Only the events' own columns
    are sure to be as fresh as the lock; read all else by a statement of its own afterwards.
    """
    wanted = Q(slug__in=[slug for slug in slugs if is_slug(slug)]) | Q(pk__in=pks)
    with LOCK_WAIT_SECONDS.time():
        return list(Event.objects.filter(wanted).select_for_update(no_key=True).order_by("pk"))


def read_clock() -> datetime:
    """Return PostgreSQL's time, by which all holds are judged: hosts' clocks differ."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [now] = cursor.fetchone()
    assert isinstance(now, datetime)
    return now
