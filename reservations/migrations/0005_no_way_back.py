"""Prevent the reversal of 0004 once bookings or holds exist; old code would resell their seats."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.exceptions import IrreversibleError


def refuse_to_forget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Allow the reversal only if there has never been a booking or a hold.

    Raises:
        IrreversibleError: there are bookings, or changes that record a hold.
    """
    bookings = apps.get_model("reservations", "Booking").objects
    holds = apps.get_model("reservations", "Change").objects.filter(kind="held")
    if bookings.exists() or holds.exists():
        raise IrreversibleError(
            "there are bookings or holds, which the previous version does not support: "
            "restore a backup made before the upgrade"
        )


class Migration(migrations.Migration):
    """Guards 0004: a reversal of 0004 must first reverse this migration."""

    dependencies = [("reservations", "0004_bookings_and_holds")]
    operations = [migrations.RunPython(migrations.RunPython.noop, refuse_to_forget)]
