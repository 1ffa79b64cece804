"""Indexes for a partner's own reservations and bookings, newest first."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

_OWNED = models.Q(("partner", ""), _negated=True)


def _add(model_name: str, index: models.Index) -> list[Operation]:
    return [
        migrations.RunSQL(
            f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(model_name, index),
    ]


class Migration(migrations.Migration):
    """Builds the indexes while sales continue, so it cannot run in a transaction.

    If it fails, it leaves an invalid index behind, which the next run drops first.
    """

    atomic = False
    dependencies = [("reservations", "0016_partners")]
    operations = [
        *_add(
            "booking",
            models.Index(
                fields=["partner", "-created_at", "-id"], condition=_OWNED, name="booking_partner"
            ),
        ),
        *_add(
            "booking",
            models.Index(
                fields=["partner", "status", "-created_at", "-id"],
                condition=_OWNED,
                name="booking_partner_status",
            ),
        ),
        *_add(
            "reservation",
            models.Index(
                fields=["partner", "-id"],
                opclasses=["varchar_pattern_ops", "uuid_ops"],
                condition=models.Q(booking__isnull=True),
                name="reservation_partner_newest",
            ),
        ),
        RemoveIndexConcurrently("reservation", "reservation_partner"),
    ]
