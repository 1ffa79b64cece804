"""The demo fixture loads into a new database, and its events are consistent."""

import pytest
from django.core.management import call_command

from reservations.models import DEFAULT_EVENT, Booking, Change, Event, Reservation
from reservations.tests.assertions import assert_no_drift
from reservations.tests.factories import EventFactory, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def test_demo_fixture_is_consistent() -> None:
    Event.objects.filter(slug=DEFAULT_EVENT).delete()
    default = EventFactory.create(slug=DEFAULT_EVENT)
    call_command("loaddata", "demo", verbosity=0)
    assert_no_drift()
    assert Event.objects.count() == 5
    default.refresh_from_db()
    assert default.available_seats == 10
    statuses = set(Reservation.objects.values_list("status", flat=True))
    # "held" is missing: a hold in a fixture would expire.
    assert statuses == {"confirmed", "cancelled", "expired"}
    assert set(Booking.objects.values_list("status", flat=True)) == {"confirmed", "cancelled"}
    assert {len(booking.items.all()) for booking in Booking.objects.all()} == {2, 3}
    kinds = set(Change.objects.values_list("kind", flat=True))
    assert kinds >= {"held", "hold_confirmed", "expired"}
    assert not Event.objects.exclude(held_seats=0).exists()
    sold_out = Event.objects.get(available_seats=0)
    assert sold_out.slug == "harbour-festival-2027"
    reserve(Event.objects.get(slug="python-day-2027"), seats=2)
    assert_no_drift()
