"""Fill in the canonical form of the addresses of existing bookings."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from reservations.models.booking import fill_canonical_emails


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Complete the bookings. Those that a sale has locked are left to the worker."""
    fill_canonical_emails(apps.get_model("reservations", "Booking").objects)


class Migration(migrations.Migration):
    """A data migration. It commits often, so sales continue; if interrupted, it can be repeated."""

    atomic = False
    dependencies = [("reservations", "0008_canonical_email")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
