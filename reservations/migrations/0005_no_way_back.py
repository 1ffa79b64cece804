"""Refuse to forget bookings and holds: code from before them would sell their seats again."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.exceptions import IrreversibleError


def refuse_to_forget(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let a database go back only if it has never had a booking or a hold.

    Raises:
        IrreversibleError: it has.
    """
    bookings = apps.get_model("reservations", "Booking").objects
    holds = apps.get_model("reservations", "Change").objects.filter(kind="held")
    if bookings.exists() or holds.exists():
        raise IrreversibleError(
            "there are bookings or holds, of which the code before knows nothing: "
            "restore a backup that was made before them"
        )


class Migration(migrations.Migration):
    """Data only; undone before all that it guards."""

    dependencies = [("reservations", "0004_bookings_and_holds")]
    operations = [migrations.RunPython(migrations.RunPython.noop, refuse_to_forget)]
