"""Creating events: only a taken slug is reported as an existing event."""

import pytest
from django.db import IntegrityError, connection

from reservations.errors import EventExists
from reservations.models import Event
from reservations.tests.factories import EventFactory

pytestmark = pytest.mark.django_db


def test_taken_slug_is_reported_as_an_existing_event() -> None:
    taken = EventFactory.create()
    with pytest.raises(EventExists):
        Event.objects.create_event(Event(slug=taken.slug, name="Again", total_seats=1))
    assert Event.objects.filter(slug=taken.slug).count() == 1


def test_other_unique_violation_is_not_an_existing_event() -> None:
    """For example a sequence that was not advanced when rows were copied from another database."""
    taken = EventFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('reservations_event', 'id'), %s, false)",
            [taken.pk],
        )
    with pytest.raises(IntegrityError, match="reservations_event_pkey"):
        Event.objects.create_event(Event(slug="new", name="New", total_seats=1))
