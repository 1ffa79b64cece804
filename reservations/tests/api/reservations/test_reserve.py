"""POST /reservations."""

import gzip
import json
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from reservations.models import Event, Reservation
from reservations.tests.api.client import RESERVATION, assert_invalid, post
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, reserve


def test_confirms(event: Event, client: APIClient, mount: str, slash: str) -> None:
    answer = post(client, mount + slash, RESERVATION)
    [reservation] = Reservation.objects.all()
    assert answer.status_code == 201
    assert answer.json() == {
        "reservationId": str(reservation.pk),
        "seats": 3,
        "status": "confirmed",
    }
    assert answer["Location"] == f"{mount}/{reservation.pk}"
    assert client.get(answer["Location"]).json()["partnerId"] == "abc-corp"
    assert UUID(str(reservation.pk)).version == 7
    assert_inventory(event, available=7, version=1, reservations=1)


def test_names_another_event(event: Event, client: APIClient) -> None:
    other = EventFactory.create()
    answer = post(client, "/reservations", RESERVATION | {"eventId": other.slug})
    assert answer.status_code == 201
    assert_inventory(event, available=10, version=0, reservations=0)
    assert_inventory(other, available=7, version=1, reservations=1)


def test_ignores_fields_it_does_not_know(event: Event, client: APIClient) -> None:
    assert post(client, "/reservations", RESERVATION | {"colour": "red"}).status_code == 201


@pytest.mark.parametrize("seats", [1, 10])
def test_both_ends_of_the_range(event: Event, client: APIClient, seats: int) -> None:
    assert post(client, "/reservations", RESERVATION | {"seats": seats}).status_code == 201


def test_the_last_seats_then_none(event: Event, client: APIClient, mount: str) -> None:
    reserve(event, seats=8)
    answer = post(client, mount, RESERVATION)
    assert (answer.status_code, answer.json()) == (
        409,
        {
            "error": "Not enough seats left",
            "code": "not_enough_seats",
            "requested": 3,
            "availableSeats": 2,
        },
    )
    assert post(client, mount, RESERVATION | {"seats": 2}).status_code == 201
    assert_inventory(event, available=0, version=2, reservations=2)


@pytest.mark.parametrize(
    ("seats", "message"),
    [
        (0, "Seats must be at least 1"),
        (-1, "Seats must be at least 1"),
        (-(10**400), "Seats must be at least 1"),
        (11, "Maximum 10 seats per request"),
        (10**400, "Maximum 10 seats per request"),
        ("3", "Seats must be an integer"),
        (2.5, "Seats must be an integer"),
        (3.0, "Seats must be an integer"),
        (True, "Seats must be an integer"),
        (None, "Seats must be an integer"),
        ([3], "Seats must be an integer"),
        ({}, "Seats must be an integer"),
    ],
)
def test_seats(event: Event, client: APIClient, seats: Any, message: str) -> None:
    answer = post(client, "/reservations", RESERVATION | {"seats": seats})
    assert_invalid(answer, ("seats", message))
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("seats", [b"1e400", b"-1e400", b"1e-400"])
def test_numbers_that_are_no_integer(event: Event, client: APIClient, seats: bytes) -> None:
    answer = post(client, "/reservations", b'{"partnerId": "p", "seats": ' + seats + b"}")
    assert_invalid(answer, ("seats", "Seats must be an integer"))


@pytest.mark.parametrize("seats", [b"1" + b"0" * 400, b"1" + b"0" * 40_000, b"-9" + b"9" * 40_000])
def test_numbers_too_long_to_parse(event: Event, client: APIClient, seats: bytes) -> None:
    answer = post(client, "/reservations", b'{"partnerId": "p", "seats": ' + seats + b"}")
    message = "Seats must be at least 1" if seats[:1] == b"-" else "Maximum 10 seats per request"
    assert_invalid(answer, ("seats", message))


@pytest.mark.parametrize(
    ("partner", "message"),
    [
        (None, "Partner ID is required"),
        ("", "Partner ID is required"),
        (" \t\n ", "Partner ID is required"),
        (5, "Partner ID must be a string"),
        (True, "Partner ID must be a string"),
        (["abc"], "Partner ID must be a string"),
        ("x" * 101, "Partner ID must be at most 100 characters"),
        ("nul\0", "Partner ID must not contain control characters"),
        ("new\nline", "Partner ID must not contain control characters"),
        ("bell\x07", "Partner ID must not contain control characters"),
        ("\ud800", "Partner ID must not contain control characters"),
    ],
)
def test_partner(event: Event, client: APIClient, partner: Any, message: str) -> None:
    answer = post(client, "/reservations", RESERVATION | {"partnerId": partner})
    assert_invalid(answer, ("partnerId", message))


@pytest.mark.parametrize("partner", ["x" * 100, " x ", "Ünïcode ✓", "💺" * 100])
def test_partners_that_are_fine(event: Event, client: APIClient, partner: str) -> None:
    answer = post(client, "/reservations", RESERVATION | {"partnerId": partner})
    assert answer.status_code == 201
    assert Reservation.objects.get().partner == partner.strip()


def test_missing_fields_are_all_named(event: Event, client: APIClient) -> None:
    assert_invalid(
        post(client, "/reservations", {}),
        ("partnerId", "Partner ID is required"),
        ("seats", "Seats must be an integer"),
    )


@pytest.mark.parametrize("slug", [5, None, True, ["x"]])
def test_event_id_must_be_a_string(event: Event, client: APIClient, slug: Any) -> None:
    answer = post(client, "/reservations", RESERVATION | {"eventId": slug})
    assert_invalid(answer, ("eventId", "Event ID must be a string"))


@pytest.mark.parametrize("slug", ["none", "", "nul\0", "\ud800", "x" * 10_000, "a b"])
def test_unknown_event(event: Event, client: APIClient, slug: str) -> None:
    answer = post(client, "/reservations", RESERVATION | {"eventId": slug})
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "Event not found", "code": "event_not_found"},
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"partnerId": "p", "seats": NaN}',
        b'{"partnerId": "p", "seats": Infinity}',
        b"\xff\xfe",
        b'{"partnerId": "\xed\xa0\x80", "seats": 1}',
        '{"partnerId": "p", "seats": 1}'.encode("utf-16"),
        b"[" * 20_000,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 10_000,
        b'{"partnerId": "p", "seats": 1}}',
        b" ",
        b"\0",
    ],
)
def test_malformed_json(event: Event, client: APIClient, body: bytes) -> None:
    assert_invalid(
        post(client, "/reservations", body), ("", "Request body must be valid JSON in UTF-8")
    )


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"text"', b"true"])
def test_not_an_object(event: Event, client: APIClient, body: bytes) -> None:
    assert_invalid(post(client, "/reservations", body), ("", "Request body must be a JSON object"))


def test_the_body_is_utf8_whatever_its_charset(event: Event, client: APIClient) -> None:
    body = '{"partnerId": "Ünïcode", "seats": 1}'.encode()
    answer = post(client, "/reservations", body, content_type="application/json; charset=latin-1")
    assert answer.status_code == 201
    assert Reservation.objects.get().partner == "Ünïcode"


def test_of_equal_keys_the_last_counts(event: Event, client: APIClient) -> None:
    answer = post(client, "/reservations", b'{"partnerId": "p", "seats": 99, "seats": 1}')
    assert (answer.status_code, answer.json()["seats"]) == (201, 1)


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "gzip, gzip", "x"])
def test_a_compressed_body(event: Event, client: APIClient, coding: str) -> None:
    body = gzip.compress(json.dumps(RESERVATION).encode())
    answer = post(client, "/reservations", body, content_encoding=coding)
    assert (answer.status_code, answer.json()) == (
        415,
        {"error": "Request body must not be compressed", "code": "unsupported_media_type"},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


def test_body_over_64_kib(event: Event, client: APIClient) -> None:
    padded = json.dumps(RESERVATION).encode().ljust(64 * 1024)
    answer = post(client, "/reservations", padded + b" ")
    assert (answer.status_code, answer.json()) == (
        413,
        {"error": "Request body must be at most 65536 bytes", "code": "payload_too_large"},
    )
    assert post(client, "/reservations", padded).status_code == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "x"]
)
def test_media_type(event: Event, client: APIClient, content_type: str) -> None:
    answer = post(
        client, "/reservations", b'{"partnerId": "p", "seats": 1}', content_type=content_type
    )
    assert (answer.status_code, answer.json()) == (
        415,
        {
            "error": f'Unsupported media type "{content_type}" in request.',
            "code": "unsupported_media_type",
        },
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods(
    event: Event, client: APIClient, mount: str, slash: str, method: str
) -> None:
    answer = getattr(client, method)(mount + slash)
    assert (answer.status_code, answer.json()) == (
        405,
        {"error": f'Method "{method.upper()}" not allowed.', "code": "method_not_allowed"},
    )
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png", "*/*", "x"])
def test_answers_json_whatever_is_accepted(event: Event, client: APIClient, accept: str) -> None:
    answer = post(client, "/reservations", RESERVATION, accept=accept)
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")


def test_a_crash_is_a_500_that_tells_nothing(
    event: Event, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("SELECT secret")

    monkeypatch.setattr("reservations.api.reservations.views.submit", crash)
    answer = post(client, "/reservations", RESERVATION)
    assert (answer.status_code, answer.json()) == (
        500,
        {"error": "Internal server error", "code": "internal_error"},
    )
