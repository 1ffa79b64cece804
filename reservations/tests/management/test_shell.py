"""The command ``manage.py shell``."""

import pytest
from django.core.management import call_command

from reservations.models import Event
from reservations.tests.assertions import assert_inventory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "sale",
    [
        "submit(Reserve(event='node-meetup-2025', partner='p', seats=3, actor='shell'))",
        "submit(Book(items=(BookingItem(event='node-meetup-2025', seats=3),),"
        " customer_email='ada@example.com', actor='shell'))",
    ],
    ids=["reserve", "book"],
)
def test_seats_can_be_sold_without_an_import(event: Event, sale: str) -> None:
    call_command("shell", command=sale, verbosity=0)
    assert_inventory(event, available=7, version=1, reservations=1)
