"""Sales can be paused, and can open and close at a time."""

from django.apps.registry import Apps
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.exceptions import IrreversibleError
from django.db.models import F, Q
from django.db.models.functions import Now

# In the order of a sale, so that a sale in flight finishes first instead of causing a deadlock.
LOCK_TABLES = "LOCK TABLE reservations_event, reservations_change IN ACCESS EXCLUSIVE MODE"


def refuse_deletion(advice: str) -> str:
    """Return the SQL that lets the trigger of 0007 on deleted events give this ``advice``."""
    return f"""
CREATE OR REPLACE FUNCTION reservations_refuse_if_referenced()
RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM reservations_reservation WHERE event_id = OLD.id)
        OR EXISTS (SELECT FROM reservations_change WHERE event_id = OLD.id)
    THEN
        RAISE EXCEPTION 'The event % has reservations or changes, so it cannot be deleted. '
            'To stop its sales, {advice}.', OLD.slug
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;
"""  # noqa: S608 (no input)


def forget_pauses(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Record pauses and openings of sales as edits, which the previous version knows.

    Raises:
        IrreversibleError: the previous version would sell an event that is not on sale now, or sell
            it longer than it may.
    """
    events = apps.get_model("reservations", "Event").objects
    limited = Q(sales_paused=True) | Q(sales_open_at__gt=Now())
    if events.filter(limited | Q(sales_close_at__isnull=False)).exists():
        raise IrreversibleError(
            "the previous version would sell events whose sales are paused, open later or close at "
            "a time: open these sales and remove their times, or restore a backup made before the "
            "upgrade"
        )
    changes = apps.get_model("reservations", "Change").objects
    changes.filter(kind__in=["paused", "opened"]).update(kind="edited")


class Migration(migrations.Migration):
    """Adds columns and constraints without reading the changes.

    ``0014_validate_change_kinds`` checks existing changes. The columns have defaults in the
    database, so an older version continues to sell.
    """

    dependencies = [("reservations", "0012_change_after_sale")]
    operations = [
        migrations.RunSQL(LOCK_TABLES, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="event",
            name="sales_paused",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="While on, no seats are sold or held. Holds can still be confirmed.",
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="sales_open_at",
            field=models.DateTimeField(
                blank=True, help_text="UTC. Before this time, no seats are sold or held.", null=True
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="sales_close_at",
            field=models.DateTimeField(
                blank=True,
                help_text="UTC. From this time on, no seats are sold or held.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=Q(sales_open_at__isnull=True)
                | Q(sales_close_at__isnull=True)
                | Q(sales_close_at__gt=F("sales_open_at")),
                name="event_sales_close_after_opening",
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="kind",
            field=models.CharField(
                choices=[
                    ("confirmed", "Confirmed"),
                    ("held", "Held"),
                    ("hold_confirmed", "Hold Confirmed"),
                    ("cancelled", "Cancelled"),
                    ("expired", "Expired"),
                    ("capacity", "Capacity"),
                    ("edited", "Edited"),
                    ("paused", "Paused"),
                    ("opened", "Opened"),
                ],
                max_length=20,
            ),
        ),
        migrations.RemoveConstraint(model_name="change", name="change_kind_fits_seats"),
        AddConstraintNotValid(
            model_name="change",
            constraint=models.CheckConstraint(
                condition=Q(kind__in=["confirmed", "held"], seats__lt=0, reservation__isnull=False)
                | Q(kind="hold_confirmed", seats=0, reservation__isnull=False)
                | Q(kind__in=["cancelled", "expired"], seats__gt=0, reservation__isnull=False)
                | Q(kind="capacity", reservation__isnull=True)
                | Q(kind__in=["edited", "paused", "opened"], seats=0, reservation__isnull=True),
                name="change_kind_fits_seats",
            ),
        ),
        migrations.RunSQL(
            refuse_deletion("pause them"),
            refuse_deletion("reduce its capacity to the seats that are sold or held"),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget_pauses),
        # The reversal begins here.
        migrations.RunSQL(migrations.RunSQL.noop, LOCK_TABLES),
    ]
