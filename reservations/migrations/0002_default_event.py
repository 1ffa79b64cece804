"""Create the default event, which is used for requests that name no event."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SLUG = "node-meetup-2025"
SEATS = 500


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the event unless it exists."""
    apps.get_model("reservations", "Event").objects.get_or_create(
        slug=SLUG,
        defaults={"name": "Node.js Meet-up", "total_seats": SEATS, "available_seats": SEATS},
    )


def remove_if_unsold(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Delete the event if it has never changed."""
    apps.get_model("reservations", "Event").objects.filter(slug=SLUG, version=0).delete()


class Migration(migrations.Migration):
    """A data migration."""

    dependencies = [("reservations", "0001_schema")]
    operations = [migrations.RunPython(seed, remove_if_unsold)]
