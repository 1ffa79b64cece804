"""Index the changes to existing reservations, for the history pages of the admin."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Builds the index while sales continue, so it cannot run in a transaction.

    If it fails, it leaves an invalid index behind, which the next run drops first.
    """

    atomic = False
    dependencies = [("reservations", "0011_periodic_jobs")]
    operations = [
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS change_after_sale", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="change",
            index=models.Index(
                condition=models.Q(("kind__in", ["hold_confirmed", "cancelled", "expired"])),
                fields=["reservation"],
                name="change_after_sale",
            ),
        ),
    ]
