"""manage.py erase_customer."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from reservations.models import Booking, Event, IdempotencyRecord
from reservations.tests.factories import reserve
from reservations.tests.jobs import book

pytestmark = pytest.mark.django_db


def erase(email: str) -> str:
    output = StringIO()
    call_command("erase_customer", email, stdout=output)
    return output.getvalue()


def remember(key: str, outcome: dict[str, Any]) -> IdempotencyRecord:
    return IdempotencyRecord.objects.create(
        scope="bookings", key=key, fingerprint="f", outcome=outcome
    )


def test_the_address_is_gone_and_all_else_stays(event: Event) -> None:
    reserve(event, seats=4)
    for email in ("Ada@shop.example", "ada@SHOP.example", "bob@shop.example"):
        book(event, email=email)
    booked = {"type": "Booked", "booking_id": "1", "customer_email": "ada@shop.example"}
    hers = remember("a", booked)
    others = [
        remember("b", {**booked, "customer_email": "bob@shop.example"}),
        remember("c", {"type": "Reserved", "seats": 1}),
    ]
    said = erase(" ADA@shop.EXAMPLE ")
    assert said == "Erased from 2 bookings and 1 remembered answers.\n"
    kept = sorted(Booking.objects.values_list("customer_email", flat=True))
    assert kept == ["", "", "bob@shop.example"]
    hers.refresh_from_db()
    assert (hers.outcome, hers.fingerprint) == ({**booked, "customer_email": ""}, "f")
    for other in others:
        before = other.outcome
        other.refresh_from_db()
        assert other.outcome == before
    assert event.reservations.filter(booking__isnull=False).count() == 3
    event.refresh_from_db()
    assert (event.available_seats, event.version) == (6, 1)


def test_again(event: Event) -> None:
    book(event, email="ada@shop.example")
    assert erase("ada@shop.example") == "Erased from 1 bookings and 0 remembered answers.\n"
    assert erase("ada@shop.example") == "No booking has this address.\n"


def test_part_of_an_address_is_another_address(event: Event) -> None:
    book(event, email="ada@shop.example")
    assert erase("da@shop.example") == "No booking has this address.\n"
    assert erase("a%@shop.example") == "No booking has this address.\n"


@pytest.mark.parametrize("email", ["", "ada", "@", "ada@", "%"])
def test_no_address(email: str) -> None:
    with pytest.raises(CommandError, match="is not an e-mail address"):
        erase(email)
