"""Add the table that records when each periodic job was last queued."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates an empty table. The worker adds the rows, so that each job runs once on its start."""

    dependencies = [("reservations", "0010_list_indexes")]
    operations = [
        migrations.CreateModel(
            name="PeriodicJob",
            fields=[
                (
                    "task",
                    models.CharField(
                        help_text="The name of the task",
                        max_length=200,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("every", models.DurationField(help_text="The interval between two runs")),
                ("queued_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
