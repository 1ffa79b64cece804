"""Replace three foreign key constraints, which each sale checks, with triggers on DELETE.

The reasons are in docs/decisions/0014.
"""

import django.db.models.deletion
from django.db import migrations, models

# Sales lock and update the event before they insert rows. Locking the tables in the same order
# makes a sale in flight finish first. Otherwise, it and this migration would deadlock. A
# cancellation reads the reservation first, so it can still deadlock. Then it is refused with Busy,
# or the migration fails and has to be run again.
LOCK_TABLES = """
LOCK TABLE reservations_event, reservations_reservation, reservations_change
    IN ACCESS EXCLUSIVE MODE
"""

# Before the trigger runs, DELETE locks the event's row, so it waits for a sale of the event. The
# queries of the function then see what that sale has committed, because each has a new snapshot.
#
# The triggers on UPDATE are for each statement, not for each row: PostgreSQL locks each row once
# more for any BEFORE UPDATE trigger for each row, even if the trigger's column is not updated.
CREATE_TRIGGERS = """
CREATE FUNCTION reservations_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION reservations_refuse_if_referenced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM reservations_reservation WHERE event_id = OLD.id)
        OR EXISTS (SELECT FROM reservations_change WHERE event_id = OLD.id)
    THEN
        RAISE EXCEPTION 'The event % has reservations or changes, so it cannot be deleted. '
            'To stop its sales, reduce its capacity to the seats that are sold or held.', OLD.slug
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER event_without_history_deleted
    BEFORE DELETE ON reservations_event
    FOR EACH ROW EXECUTE FUNCTION reservations_refuse_if_referenced();

CREATE TRIGGER event_id_never_changed
    BEFORE UPDATE OF id ON reservations_event
    FOR EACH STATEMENT EXECUTE FUNCTION reservations_refuse(
        'The id of an event cannot be changed. Create a new event instead.'
    );

CREATE TRIGGER reservation_never_deleted
    BEFORE DELETE ON reservations_reservation
    FOR EACH ROW EXECUTE FUNCTION reservations_refuse(
        'A reservation cannot be deleted. Cancel it instead.'
    );

CREATE TRIGGER reservation_id_never_changed
    BEFORE UPDATE OF id ON reservations_reservation
    FOR EACH STATEMENT EXECUTE FUNCTION reservations_refuse(
        'The id of a reservation cannot be changed. Make a new reservation instead.'
    );
"""

DROP_TRIGGERS = """
DROP TRIGGER event_without_history_deleted ON reservations_event;
DROP TRIGGER event_id_never_changed ON reservations_event;
DROP TRIGGER reservation_never_deleted ON reservations_reservation;
DROP TRIGGER reservation_id_never_changed ON reservations_reservation;
DROP FUNCTION reservations_refuse();
DROP FUNCTION reservations_refuse_if_referenced();
"""


class Migration(migrations.Migration):
    """Drops the constraints of ``Reservation.event``, ``Change.event`` and ``Change.reservation``.

    The reversal validates the constraints again. It fails if a row refers to nothing.
    """

    dependencies = [("reservations", "0006_remove_upkeep_jobs")]
    operations = [
        migrations.RunSQL(LOCK_TABLES, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="reservation",
            name="event",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reservations",
                to="reservations.event",
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="event",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="reservations.event",
            ),
        ),
        migrations.AlterField(
            model_name="change",
            name="reservation",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="reservations.reservation",
            ),
        ),
        migrations.RunSQL(CREATE_TRIGGERS, DROP_TRIGGERS),
        # The reversal begins here.
        migrations.RunSQL(migrations.RunSQL.noop, LOCK_TABLES),
    ]
