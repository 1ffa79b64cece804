"""Delete the waiting jobs of the queue "upkeep", which was renamed to "maintenance"."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Delete the waiting jobs. No worker reads the old queue, and the jobs are periodic anyway."""
    jobs = apps.get_model("procrastinate", "ProcrastinateJob").objects
    # Jobs in progress are removed by the old worker that runs them.
    jobs.filter(queue_name="upkeep", status="todo").delete()


class Migration(migrations.Migration):
    """A data migration."""

    dependencies = [
        ("reservations", "0005_no_way_back"),
        ("procrastinate", "0025_add_models"),
    ]
    operations = [migrations.RunPython(remove, migrations.RunPython.noop)]
