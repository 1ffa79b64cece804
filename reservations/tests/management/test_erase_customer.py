"""manage.py erase_customer."""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError
from rest_framework.test import APIClient

from reservations.ledger import execute
from reservations.ledger.rules import decide
from reservations.ledger.state import State
from reservations.models import Booking, Event, IdempotencyRecord
from reservations.tests.api.client import RESERVATION, post
from reservations.tests.api.v1.client import BOOKINGS, booking
from reservations.tests.assertions import assert_inventory
from reservations.tests.commands import output_of
from reservations.tests.database import in_a_thread, locked, setting, wait_for_a_waiter
from reservations.tests.factories import book, reserve

pytestmark = pytest.mark.django_db


def erase(email: str) -> str:
    return output_of("erase_customer", email)


def ask(client: APIClient, path: str, key: str, body: object = None) -> Any:
    answer = post(client, path, body, idempotency_key=key)
    assert answer.status_code in {200, 201}
    return answer.json()


def test_the_address_is_gone_and_all_else_stays(event: Event, client: APIClient) -> None:
    reserve(event, seats=4)
    partner = RESERVATION | {"partnerId": "ada@shop.example", "seats": 1}
    ask(client, "/reservations", "r", partner)
    ids = {}
    for email in ("Ada@shop.example", "ada@SHOP.example", "bob@shop.example"):
        made = ask(client, BOOKINGS, email, booking((event.slug, 1), email=email))
        ids[email] = made["data"]["id"]
        ask(client, f"{BOOKINGS}/{ids[email]}/cancel", f"cancel {email}")
    answers: dict[str, Any] = dict(IdempotencyRecord.objects.values_list("key", "outcome"))
    assert erase(" ADA@shop.EXAMPLE ") == "Erased from 2 bookings and 4 remembered answers.\n"
    kept = sorted(Booking.objects.values_list("customer_email", flat=True))
    assert kept == ["", "", "bob@shop.example"]
    for key, outcome in IdempotencyRecord.objects.values_list("key", "outcome"):
        hers = "ada" in key.lower()
        assert outcome == (answers[key] | {"customer_email": ""} if hers else answers[key])
    path = f"{BOOKINGS}/{ids['Ada@shop.example']}/cancel"
    again = ask(client, path, "cancel Ada@shop.example")["data"]
    assert (again["customerEmail"], again["status"]) == ("", "CANCELLED")
    assert_inventory(event, available=5, version=8, reservations=2)


@pytest.mark.django_db(transaction=True)
def test_a_cancel_that_has_read_the_address_is_waited_for(
    event: Event, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its remembered answer would bring the address back."""
    booked = book(event, email="ada@shop.example")
    with ThreadPoolExecutor(1) as pool:
        erasing: list[Future[str]] = []

        def erase_meanwhile(state: State, command: Any) -> Any:
            erasing.append(pool.submit(in_a_thread, partial(erase, "ada@shop.example")))
            wait_for_a_waiter()
            return decide(state, command)

        monkeypatch.setattr(execute, "decide", erase_meanwhile)
        ask(client, f"{BOOKINGS}/{booked}/cancel", "k")
        said = erasing[0].result(timeout=30)
    assert said == "Erased from 1 bookings and 1 remembered answers.\n"
    assert "ada" not in str(IdempotencyRecord.objects.get().outcome)


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_busy_for_too_long(event: Event) -> None:
    book(event, email="ada@shop.example")
    with (
        locked(event),
        setting("lock_timeout", "100ms"),
        pytest.raises(CommandError, match="run it again"),
    ):
        erase("ada@shop.example")
    assert erase("ada@shop.example").startswith("Erased from 1 bookings")


def test_erasing_twice_finds_nothing(event: Event) -> None:
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
