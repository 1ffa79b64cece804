"""Seed the event that a request means when it names none."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SLUG = "node-meetup-2025"
SEATS = 500


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the event, unless it is there."""
    apps.get_model("reservations", "Event").objects.get_or_create(
        slug=SLUG,
        defaults={"name": "Node.js Meet-up", "total_seats": SEATS, "available_seats": SEATS},
    )


def remove_if_unsold(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove the event only while nothing has happened to it."""
    apps.get_model("reservations", "Event").objects.filter(slug=SLUG, version=0).delete()


class Migration(migrations.Migration):
    """Data only."""

    dependencies = [("reservations", "0001_schema")]
    operations = [migrations.RunPython(seed, remove_if_unsold)]
