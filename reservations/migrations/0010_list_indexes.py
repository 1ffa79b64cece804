"""Indexes for pages of events and bookings that begin after a given row."""

import datetime

from django.db import migrations, models
from django.db.models.functions import Coalesce

_LAST_DATE = models.Value(datetime.datetime.max.replace(tzinfo=datetime.UTC))


class Migration(migrations.Migration):
    """Adds four indexes and removes one. Sales wait until it has finished (docs/operations.md).

    The tables are locked in the order in which sales write to them. So a sale in flight finishes
    first, and does not deadlock with the migration.
    """

    dependencies = [("reservations", "0009_fill_canonical_emails")]
    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                Coalesce("starts_at", _LAST_DATE), models.F("slug"), name="event_date"
            ),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(fields=["status", "-created_at", "-id"], name="booking_status"),
        ),
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                fields=["event", "-created_at", "-booking"],
                condition=models.Q(booking__isnull=False),
                name="reservation_event_booked",
            ),
        ),
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                fields=["event", "status", "-created_at", "-booking"],
                condition=models.Q(booking__isnull=False),
                name="reservation_event_status",
            ),
        ),
        migrations.RemoveIndex(model_name="reservation", name="reservation_event_booking"),
    ]
