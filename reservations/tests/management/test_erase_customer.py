"""The command ``manage.py erase_customer``."""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import BytesIO, StringIO, TextIOWrapper
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
from reservations.tests.database import (
    locked,
    run_and_disconnect,
    session_setting,
    wait_for_lock_waiters,
)
from reservations.tests.factories import book, reserve

pytestmark = pytest.mark.django_db


def erase(email: str) -> str:
    return output_of("erase_customer", stdin=StringIO(f"{email}\n"))


def post_with_key(client: APIClient, path: str, key: str, body: object = None) -> Any:
    answer = post(client, path, body, idempotency_key=key)
    assert answer.status_code in {200, 201}
    return answer.json()


def test_address_is_erased_and_all_other_data_is_kept(event: Event, client: APIClient) -> None:
    reserve(event, seats=4)
    partner = RESERVATION | {"partnerId": "ada@shop.example", "seats": 1}
    post_with_key(client, "/reservations", "r", partner)
    ids = {}
    for email in ("Ada@shop.example", "ada@SHOP.example", "bob@shop.example"):
        made = post_with_key(client, BOOKINGS, email, booking((event.slug, 1), email=email))
        ids[email] = made["data"]["id"]
        post_with_key(client, f"{BOOKINGS}/{ids[email]}/cancel", f"cancel {email}")
    answers: dict[str, Any] = dict(IdempotencyRecord.objects.values_list("key", "outcome"))
    assert erase(" ADA@shop.EXAMPLE ") == "Removed from 2 bookings and 4 idempotency records.\n"
    kept = sorted(Booking.objects.values_list("customer_email", flat=True))
    assert kept == ["", "", "bob@shop.example"]
    for key, outcome in IdempotencyRecord.objects.values_list("key", "outcome"):
        erased = "ada" in key.lower()
        assert outcome == (answers[key] | {"customer_email": ""} if erased else answers[key])
    path = f"{BOOKINGS}/{ids['Ada@shop.example']}/cancel"
    again = post_with_key(client, path, "cancel Ada@shop.example")["data"]
    assert (again["customerEmail"], again["status"]) == ("", "CANCELLED")
    assert_inventory(event, available=5, version=8, reservations=2)


@pytest.mark.django_db(transaction=True)
def test_erase_waits_for_a_cancel_that_has_read_the_address(
    event: Event, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the cancel would store the address in its idempotency record."""
    booked = book(event, email="ada@shop.example")
    with ThreadPoolExecutor(1) as pool:
        erasing: list[Future[str]] = []

        def decide_while_erasing(state: State, command: Any) -> Any:
            erasing.append(pool.submit(run_and_disconnect, partial(erase, "ada@shop.example")))
            wait_for_lock_waiters()
            return decide(state, command)

        monkeypatch.setattr(execute, "decide", decide_while_erasing)
        post_with_key(client, f"{BOOKINGS}/{booked}/cancel", "k")
        output = erasing[0].result(timeout=30)
    assert output == "Removed from 1 booking and 1 idempotency record.\n"
    assert "ada@shop.example" not in str(IdempotencyRecord.objects.get().outcome)


@pytest.mark.django_db(transaction=True)
def test_erase_fails_on_a_locked_event_and_can_be_repeated(event: Event) -> None:
    book(event, email="ada@shop.example")
    with (
        locked(event),
        session_setting("lock_timeout", "100ms"),
        pytest.raises(CommandError, match="run the command again"),
    ):
        erase("ada@shop.example")
    assert erase("ada@shop.example").startswith("Removed from 1 booking ")


def test_erasing_again_finds_nothing(event: Event) -> None:
    book(event, email="ada@shop.example")
    assert erase("ada@shop.example") == "Removed from 1 booking and 0 idempotency records.\n"
    assert erase("ada@shop.example") == "No booking or idempotency record contains this address.\n"


def test_part_of_an_address_does_not_match(event: Event) -> None:
    book(event, email="ada@shop.example")
    assert erase("da@shop.example") == "No booking or idempotency record contains this address.\n"
    assert erase("a%@shop.example") == "No booking or idempotency record contains this address.\n"


def test_all_notations_of_an_address_are_erased(event: Event, client: APIClient) -> None:
    notations = ("ada@B\u00dcCHER.example", "ada@bu\u0308cher.example", "Ada@xn--bcher-kva.example")
    for email in (*notations, "ada@bucher.example"):
        post_with_key(client, BOOKINGS, ascii(email), booking((event.slug, 1), email=email))
    output = erase("ADA@b\u00fccher.example")
    assert output == "Removed from 3 bookings and 3 idempotency records.\n"
    assert set(Booking.objects.values_list("customer_email", "canonical_email")) == {
        ("", ""),
        ("ada@bucher.example", "ada@bucher.example"),
    }
    left = set(IdempotencyRecord.objects.values_list("outcome__customer_email", flat=True))
    assert left == {"", "ada@bucher.example"}


def test_bookings_of_an_older_version_are_erased(event: Event) -> None:
    for email in ("Ada@B\u00dcCHER.example", "bob@shop.example", ""):
        pk = book(event, email=email)
        Booking.objects.filter(pk=pk).update(canonical_email="")
    assert erase("ada@b\u00fccher.example").startswith("Removed from 1 booking ")
    assert sorted(Booking.objects.values_list("customer_email", flat=True)) == [
        "",
        "",
        "bob@shop.example",
    ]


@pytest.mark.parametrize(
    "email", ["\u017fam@shop.example", "ada@[127.0.0.1]", "a@\U00010330.example"], ids=ascii
)
def test_unusual_addresses_can_be_erased(event: Event, email: str) -> None:
    book(event, email=email)
    book(event, email="sam@shop.example")
    assert erase(email).startswith("Removed from 1 booking ")
    assert erase("sam@shop.example").startswith("Removed from 1 booking ")


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@", "ada@", "%", "a@shop.example\nb@shop.example", "Ada <a@shop.example>"],
    ids=repr,
)
def test_invalid_address_is_rejected(email: str) -> None:
    with pytest.raises(CommandError, match="must contain one e-mail address"):
        erase(email)


def test_address_on_the_command_line_is_rejected(event: Event) -> None:
    """Other users of the machine could read it, and the shell would keep it."""
    book(event, email="ada@shop.example")
    with pytest.raises(CommandError, match="unrecognized arguments"):
        output_of("erase_customer", "ada@shop.example", stdin=StringIO(""))
    assert Booking.objects.get().customer_email == "ada@shop.example"


def test_command_asks_for_the_address_in_a_terminal(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    book(event, email="ada@shop.example")
    monkeypatch.setattr("builtins.input", lambda prompt: "ada@shop.example")
    assert output_of("erase_customer", stdin=Terminal()).startswith("Removed from 1 booking ")


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order-mark"])
def test_address_in_a_file_is_utf_8_in_any_locale(
    event: Event, monkeypatch: pytest.MonkeyPatch, prefix: bytes
) -> None:
    book(event, email="ada@stra\u00dfe.example")
    file = BytesIO(prefix + "ada@stra\u00dfe.example\r\n".encode())
    monkeypatch.setattr("sys.stdin", TextIOWrapper(file, "latin-1"))
    assert output_of("erase_customer").startswith("Removed from 1 booking ")


def test_address_in_another_encoding_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    file = BytesIO("ada@stra\u00dfe.example\n".encode("latin-1"))
    monkeypatch.setattr("sys.stdin", TextIOWrapper(file, "ascii", "surrogateescape"))
    with pytest.raises(CommandError, match="must be UTF-8"):
        output_of("erase_customer")
