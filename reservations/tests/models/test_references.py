"""Rows that others refer to cannot be deleted, although foreign key constraints do not say so."""

from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model, ProtectedError

from reservations.ledger import submit
from reservations.ledger.commands import Cancel, EditEvent
from reservations.models import Change, Event, Reservation
from reservations.tests.factories import EventFactory, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def execute(statement: str, *parameters: int | UUID) -> int:
    """Execute SQL, without the checks of the ORM; return the number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def assert_refused(message: str, statement: str, *parameters: int | UUID) -> None:
    with pytest.raises(IntegrityError, match=message) as refused, transaction.atomic():
        execute(statement, *parameters)
    assert refused.value.__cause__.sqlstate == "23001"  # type: ignore[union-attr]


DELETE_EVENT = "DELETE FROM reservations_event WHERE id = %s"


def test_event_with_a_reservation_cannot_be_deleted(event: Event) -> None:
    Reservation.objects.create(event=event, partner="p", seats=1, status="cancelled")
    message = "^The event node-meetup-2025 has reservations or changes, so it cannot be deleted. "
    message += "To stop its sales, pause them."
    assert_refused(message, DELETE_EVENT, event.pk)


def test_event_with_a_change_cannot_be_deleted(event: Event) -> None:
    submit(EditEvent(event=event.slug, edits={"name": "Another name"}, actor="test"))
    assert_refused("has reservations or changes", DELETE_EVENT, event.pk)


def test_event_without_history_can_be_deleted(event: Event) -> None:
    reserve(EventFactory.create())
    assert execute(DELETE_EVENT, event.pk) == 1


def test_reservation_cannot_be_deleted(event: Event) -> None:
    Reservation.objects.create(event=event, partner="p", seats=1, status="cancelled")
    message = "^A reservation cannot be deleted. Cancel it instead."
    assert_refused(message, "DELETE FROM reservations_reservation")


@pytest.mark.parametrize(("model", "pk"), [(Event, -1), (Reservation, UUID(int=0))])
def test_id_that_others_refer_to_cannot_be_changed(
    event: Event, model: type[Model], pk: int | UUID
) -> None:
    reserve(event)
    table = model._meta.db_table
    assert_refused("^The id of an? .+ cannot be changed", f"UPDATE {table} SET id = %s", pk)


def test_orm_refuses_to_delete_what_others_refer_to(event: Event) -> None:
    reservation = Reservation.objects.get(pk=reserve(event))
    for row in (event, reservation):
        with pytest.raises(ProtectedError):
            row.delete()


def test_all_rows_can_be_truncated(event: Event) -> None:
    """Tests that commit are followed by such a statement."""
    reserve(event)
    execute("TRUNCATE reservations_event, reservations_reservation, reservations_change")
    assert not Event.objects.exists()


def test_sale_and_cancellation_fire_no_trigger_for_each_row(event: Event) -> None:
    """Except the trigger that checks the booking, which is null."""
    submit(Cancel(reservation_id=reserve(event), actor="test"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(pg_constraint.oid)"
            " FROM pg_trigger LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint"
            # Bit 0: for each row; bit 2: on INSERT; bit 4: on UPDATE.
            " WHERE tgrelid = ANY(%s::regclass[]) AND tgtype & 1 = 1 AND tgtype & 20 <> 0",
            [[model._meta.db_table for model in (Event, Reservation, Change)]],
        )
        checks = cursor.fetchall()
    assert [check[:24] for (check,) in checks] == ["FOREIGN KEY (booking_id)"] * 2
