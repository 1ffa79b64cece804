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


def test_reserve_confirms_and_takes_the_seats(
    event: Event, client: APIClient, mount: str, slash: str
) -> None:
    response = post(client, mount + slash, RESERVATION)
    [reservation] = Reservation.objects.all()
    assert response.status_code == 201
    assert response.json() == {
        "reservationId": str(reservation.pk),
        "seats": 3,
        "status": "confirmed",
    }
    assert response["Location"] == f"{mount}/{reservation.pk}"
    assert client.get(response["Location"]).json()["partnerId"] == "abc-corp"
    assert UUID(str(reservation.pk)).version == 7
    assert_inventory(event, available=7, version=1, reservations=1)


def test_event_id_selects_another_event(event: Event, client: APIClient) -> None:
    other = EventFactory.create()
    response = post(client, "/reservations", RESERVATION | {"eventId": other.slug})
    assert response.status_code == 201
    assert_inventory(event, available=10, version=0, reservations=0)
    assert_inventory(other, available=7, version=1, reservations=1)


def test_unknown_fields_are_ignored(event: Event, client: APIClient) -> None:
    assert post(client, "/reservations", RESERVATION | {"colour": "red"}).status_code == 201


@pytest.mark.parametrize("seats", [1, 10])
def test_smallest_and_largest_number_of_seats_is_accepted(
    event: Event, client: APIClient, seats: int
) -> None:
    assert post(client, "/reservations", RESERVATION | {"seats": seats}).status_code == 201


def test_more_seats_than_available_are_refused(event: Event, client: APIClient, mount: str) -> None:
    reserve(event, seats=8)
    response = post(client, mount, RESERVATION)
    assert (response.status_code, response.json()) == (
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
        pytest.param(-(10**400), "Seats must be at least 1", id="negative-400-digits"),
        (11, "Maximum 10 seats per request"),
        pytest.param(10**400, "Maximum 10 seats per request", id="400-digits"),
        ("3", "Seats must be an integer"),
        (2.5, "Seats must be an integer"),
        (3.0, "Seats must be an integer"),
        (True, "Seats must be an integer"),
        (None, "Seats must be an integer"),
        ([3], "Seats must be an integer"),
        ({}, "Seats must be an integer"),
    ],
    ids=repr,
)
def test_invalid_seats_are_rejected(
    event: Event, client: APIClient, seats: Any, message: str
) -> None:
    response = post(client, "/reservations", RESERVATION | {"seats": seats})
    assert_invalid(response, ("seats", message))
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("seats", [b"1e400", b"-1e400", b"1e-400"])
def test_numbers_with_an_exponent_are_not_integers(
    event: Event, client: APIClient, seats: bytes
) -> None:
    response = post(client, "/reservations", b'{"partnerId": "p", "seats": ' + seats + b"}")
    assert_invalid(response, ("seats", "Seats must be an integer"))


@pytest.mark.parametrize(
    "seats",
    [b"1" + b"0" * 400, b"1" + b"0" * 40_000, b"-9" + b"9" * 40_000],
    ids=["400-digits", "40000-digits", "negative-40000-digits"],
)
def test_numbers_with_many_digits_are_out_of_range(
    event: Event, client: APIClient, seats: bytes
) -> None:
    response = post(client, "/reservations", b'{"partnerId": "p", "seats": ' + seats + b"}")
    message = "Seats must be at least 1" if seats[:1] == b"-" else "Maximum 10 seats per request"
    assert_invalid(response, ("seats", message))


@pytest.mark.parametrize(
    ("partner", "message"),
    [
        (None, "Partner ID is required"),
        ("", "Partner ID is required"),
        (" \t\n ", "Partner ID is required"),
        (5, "Partner ID must be a string"),
        (True, "Partner ID must be a string"),
        (["abc"], "Partner ID must be a string"),
        pytest.param("x" * 101, "Partner ID must be at most 100 characters", id="101-characters"),
        ("nul\0", "Partner ID must not contain control characters"),
        ("new\nline", "Partner ID must not contain control characters"),
        ("bell\x07", "Partner ID must not contain control characters"),
        ("\ud800", "Partner ID must not contain control characters"),
        ("right\u202eleft", "Partner ID must not contain control characters"),
        ("zero\u200bwidth", "Partner ID must not contain control characters"),
        ("join\u200der", "Partner ID must not contain control characters"),
        ("\ufeffmark", "Partner ID must not contain control characters"),
        ("two\u2028lines", "Partner ID must not contain control characters"),
        ("fill\u3164er", "Partner ID must not contain control characters"),
        ("join\u034fer", "Partner ID must not contain control characters"),
        ("inherent\u17b5vowel", "Partner ID must not contain control characters"),
        ("object\ufffc", "Partner ID must not contain control characters"),
        ("\u200b\u2060", "Partner ID is required"),
        ("\u3164", "Partner ID is required"),
        ("\u0301", "Partner ID is required"),
        pytest.param(
            "\u0958" * 51, "Partner ID must be at most 100 characters", id="too-long-in-nfc"
        ),
    ],
    ids=repr,
)
def test_invalid_partner_is_rejected(
    event: Event, client: APIClient, partner: Any, message: str
) -> None:
    response = post(client, "/reservations", RESERVATION | {"partnerId": partner})
    assert_invalid(response, ("partnerId", message))


@pytest.mark.parametrize(
    "partner",
    ["x" * 100, " x ", "Ünïcode ✓", "💺" * 100],
    ids=["longest", "spaces", "unicode", "longest-emoji"],
)
def test_valid_partner_is_stored_trimmed(event: Event, client: APIClient, partner: str) -> None:
    response = post(client, "/reservations", RESERVATION | {"partnerId": partner})
    assert response.status_code == 201
    assert Reservation.objects.get().partner == partner.strip()


def test_partner_is_stored_in_nfc(event: Event, client: APIClient) -> None:
    decomposed = "Cafe\u0301 " + "e\u0301" * 95
    response = post(client, "/reservations", RESERVATION | {"partnerId": decomposed})
    assert response.status_code == 201
    assert Reservation.objects.get().partner == "Caf\u00e9 " + "\u00e9" * 95


def test_all_missing_fields_are_reported(event: Event, client: APIClient) -> None:
    assert_invalid(
        post(client, "/reservations", {}),
        ("partnerId", "Partner ID is required"),
        ("seats", "Seats must be an integer"),
    )


@pytest.mark.parametrize("slug", [5, None, True, ["x"]], ids=repr)
def test_event_id_must_be_a_string(event: Event, client: APIClient, slug: Any) -> None:
    response = post(client, "/reservations", RESERVATION | {"eventId": slug})
    assert_invalid(response, ("eventId", "Event ID must be a string"))


@pytest.mark.parametrize(
    "slug",
    ["none", "", "nul\0", "\ud800", "x" * 10_000, "a b"],
    ids=["unknown", "empty", "nul", "surrogate", "10000-characters", "space"],
)
def test_unknown_event_is_answered_with_404(event: Event, client: APIClient, slug: str) -> None:
    response = post(client, "/reservations", RESERVATION | {"eventId": slug})
    assert (response.status_code, response.json()) == (
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
        b"\xef\xbb\xbf{}",
        b'{"partnerId": "p", "seats": 1}}',
        b" ",
        b"\0",
    ],
    ids=[
        "open-brace",
        "not-json",
        "nan",
        "infinity",
        "not-utf8",
        "surrogate",
        "utf16",
        "byte-order-mark",
        "trailing-brace",
        "space",
        "nul",
    ],
)
def test_malformed_json_is_rejected(event: Event, client: APIClient, body: bytes) -> None:
    assert_invalid(
        post(client, "/reservations", body), ("", "Request body must be valid JSON in UTF-8")
    )


@pytest.mark.parametrize(
    "body",
    [b"[" * 999, b"[" * 999 + b"]" * 999, b'{"a":' * 999],
    ids=["open", "closed", "objects"],
)
def test_body_that_is_nested_too_deep_is_rejected(
    event: Event, client: APIClient, body: bytes
) -> None:
    error = ("", "Request body must be nested at most 32 levels deep")
    assert_invalid(post(client, "/reservations", body), error)


@pytest.mark.parametrize("body", [b"[]", b"null", b"3", b'"text"', b"true"])
def test_body_must_be_a_json_object(event: Event, client: APIClient, body: bytes) -> None:
    assert_invalid(post(client, "/reservations", body), ("", "Request body must be a JSON object"))


def test_body_is_read_as_utf8_whatever_the_charset(event: Event, client: APIClient) -> None:
    body = '{"partnerId": "Ünïcode", "seats": 1}'.encode()
    response = post(client, "/reservations", body, content_type="application/json; charset=latin-1")
    assert response.status_code == 201
    assert Reservation.objects.get().partner == "Ünïcode"


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "gzip, gzip", "x"])
def test_compressed_body_is_rejected(event: Event, client: APIClient, coding: str) -> None:
    body = gzip.compress(json.dumps(RESERVATION).encode())
    response = post(client, "/reservations", body, content_encoding=coding)
    assert (response.status_code, response.json()) == (
        415,
        {"error": "Request body must not be compressed", "code": "unsupported_media_type"},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


def test_body_over_64_kib_is_rejected(event: Event, client: APIClient) -> None:
    padded = json.dumps(RESERVATION).encode().ljust(64 * 1024)
    response = post(client, "/reservations", padded + b" ")
    assert (response.status_code, response.json()) == (
        413,
        {"error": "Request body must be at most 65536 bytes", "code": "payload_too_large"},
    )
    assert post(client, "/reservations", padded).status_code == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "x"]
)
def test_other_media_types_are_rejected(event: Event, client: APIClient, content_type: str) -> None:
    response = post(
        client, "/reservations", b'{"partnerId": "p", "seats": 1}', content_type=content_type
    )
    assert (response.status_code, response.json()) == (
        415,
        {
            "error": f'Unsupported media type "{content_type}" in request.',
            "code": "unsupported_media_type",
        },
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_allowed(
    event: Event, client: APIClient, mount: str, slash: str, method: str
) -> None:
    response = getattr(client, method)(mount + slash)
    assert (response.status_code, response.json()) == (
        405,
        {"error": f'Method "{method.upper()}" not allowed.', "code": "method_not_allowed"},
    )
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png", "*/*", "x"])
def test_response_is_json_for_any_accept_header(
    event: Event, client: APIClient, accept: str
) -> None:
    response = post(client, "/reservations", RESERVATION, accept=accept)
    assert (response.status_code, response["Content-Type"]) == (201, "application/json")


def test_crash_is_a_500_without_details(
    event: Event, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("SELECT secret")

    monkeypatch.setattr("reservations.api.reservations.views.submit", crash)
    response = post(client, "/reservations", RESERVATION)
    assert (response.status_code, response.json()) == (
        500,
        {"error": "Internal server error", "code": "internal_error"},
    )
