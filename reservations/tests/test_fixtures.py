"""The fixtures load into a new database, and their books are true."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError

from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.books import assert_proven
from reservations.tests.factories import EventFactory, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def test_demo() -> None:
    Event.objects.filter(slug=DEFAULT_EVENT).delete()
    default = EventFactory.create(slug=DEFAULT_EVENT)
    call_command("loaddata", "demo", verbosity=0)
    assert_proven()
    assert Event.objects.count() == 5
    default.refresh_from_db()
    assert default.available_seats == 10
    sold_out = Event.objects.get(available_seats=0)
    assert sold_out.slug == "harbour-festival-2027"
    reserve(Event.objects.get(slug="python-day-2027"), seats=2)
    with pytest.raises(IntegrityError, match="event_slug_unique"):
        call_command("loaddata", "demo", verbosity=0)
    assert_proven()
