"""Remove what waits in the queue "upkeep", which is now called "maintenance"."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove the jobs: no worker looks into the old queue, and the clock brings new ones."""
    jobs = apps.get_model("procrastinate", "ProcrastinateJob").objects
    # What an old worker is doing, it removes itself.
    jobs.filter(queue_name="upkeep", status="todo").delete()


class Migration(migrations.Migration):
    """Data only."""

    dependencies = [
        ("reservations", "0005_no_way_back"),
        ("procrastinate", "0025_add_models"),
    ]
    operations = [migrations.RunPython(remove, migrations.RunPython.noop)]
