"""Releases expired holds, by SQL of our own (docs/decisions/0008)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import connection

from reservations.ledger.state import EventState

# Versions and figures go on from the event's own row, which is locked and not yet written to. The
# ids are UUIDv7 (RFC 9562), the steps of one event in order; PostgreSQL makes them since 18 only.
_RELEASE = """
    WITH released AS (
        UPDATE reservations_reservation
        SET status = 'expired'
        WHERE event_id = ANY(%(events)s) AND status = 'held' AND expires_at <= %(now)s
        RETURNING id, event_id, seats, expires_at
    ), steps AS (
        SELECT *, row_number() OVER history AS step, sum(seats) OVER history AS freed
        FROM released
        WINDOW history AS (PARTITION BY event_id ORDER BY expires_at, id)
    ), changes AS (
        INSERT INTO reservations_change (
            id, event_id, version, kind, seats, available_seats, reservation_id, actor, at
        )
        SELECT
            (
                lpad(to_hex(floor(extract(epoch FROM %(now)s) * 1000)::bigint), 12, '0')
                || '7' || lpad(to_hex(step %% 4096), 3, '0')
                || substr(replace(gen_random_uuid()::text, '-', ''), 17)
            )::uuid,
            event.id, event.version + step, 'expired', steps.seats, event.available_seats + freed,
            steps.id, 'expiry', %(now)s
        FROM steps JOIN reservations_event AS event ON event.id = steps.event_id
    )
    SELECT event_id, max(step), max(freed) FROM steps GROUP BY event_id
"""


def release_expired_holds(events: Sequence[EventState], now: datetime) -> list[EventState]:
    """Give back the seats of all holds of locked ``events`` that ended by ``now``; return them all.

    Writes the reservations and the changes, one version for each; the events' own rows are still
    to be written.
    """
    holders = {event.id: event for event in events if event.held_seats}
    if not holders:
        return list(events)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"events": list(holders), "now": now})
        for pk, holds, seats in cursor.fetchall():
            event = holders[pk]
            holders[pk] = replace(
                event,
                available_seats=event.available_seats + seats,
                held_seats=event.held_seats - seats,
                version=event.version + holds,
            )
    return [holders.get(event.id, event) for event in events]
