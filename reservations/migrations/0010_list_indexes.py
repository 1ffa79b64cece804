"""Indexes for pages of events and bookings that begin after a given row."""

import datetime

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Coalesce

_LAST_DATE = models.Value(datetime.datetime.max.replace(tzinfo=datetime.UTC))
_BOOKED = models.Q(booking__isnull=False)


def _add(model_name: str, index: models.Index) -> list[Operation]:
    return [
        migrations.RunSQL(
            f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(model_name, index),
    ]


class Migration(migrations.Migration):
    """Adds four indexes and removes one while sales continue, so it cannot run in a transaction.

    A transaction would deadlock with sales: they lock the row of an event, insert, and then update
    the event. If this fails, it leaves an index behind, which the next run drops first.
    """

    atomic = False
    dependencies = [("reservations", "0009_fill_canonical_emails")]
    operations = [
        *_add(
            "event",
            models.Index(Coalesce("starts_at", _LAST_DATE), models.F("slug"), name="event_date"),
        ),
        *_add(
            "booking",
            models.Index(fields=["status", "-created_at", "-id"], name="booking_status"),
        ),
        *_add(
            "reservation",
            models.Index(
                fields=["event", "-created_at", "-booking"],
                condition=_BOOKED,
                name="reservation_event_booked",
            ),
        ),
        *_add(
            "reservation",
            models.Index(
                fields=["event", "status", "-created_at", "-booking"],
                condition=_BOOKED,
                name="reservation_event_status",
            ),
        ),
        RemoveIndexConcurrently("reservation", "reservation_event_booking"),
    ]
