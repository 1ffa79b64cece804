"""Releases expired holds with a single statement (docs/decisions/0008)."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from msgspec.structs import replace

from reservations import sql
from reservations.ledger.state import EventRow
from reservations.models import Change, Event, Reservation


def release_expired_holds(events: Sequence[EventRow], now: datetime) -> list[EventRow]:
    """Release the holds of ``events`` that have expired by ``now``.

    The events must be locked. This writes the reservations and one change per hold, but not the
    events, which the caller must write.

    Returns:
        All ``events`` with updated counters, in the same order.
    """
    holders = {event.id: event for event in events if event.held_seats}
    if not holders:
        return list(events)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.expire_holds(Event, Reservation, Change),
            {"events": list(holders), "now": now},
        )
        for pk, holds, seats in cursor.fetchall():
            event = holders[pk]
            holders[pk] = replace(
                event,
                available_seats=event.available_seats + seats,
                held_seats=event.held_seats - seats,
                version=event.version + holds,
            )
    return [holders.get(event.id, event) for event in events]
