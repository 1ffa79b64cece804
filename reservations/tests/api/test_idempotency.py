"""The Idempotency-Key header, on all POST routes of both API families."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from reservations.api.idempotency import KEY_PATTERN, parse_key
from reservations.models import Event, IdempotencyRecord
from reservations.tests.api.client import RESERVATION, assert_invalid, post
from reservations.tests.api.v1.client import BOOKINGS, booking
from reservations.tests.api.v1.client import assert_invalid as assert_invalid_in_v1
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, book, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db


def post_with_key(client: APIClient, path: str, body: object = None, key: str = "k") -> Any:
    return post(client, path, body, idempotency_key=key)


POSTS: dict[str, tuple[Callable[[Event], tuple[str, Any]], int]] = {
    "reserved": (lambda event: ("/reservations", RESERVATION), 201),
    "held": (lambda event: ("/reservations", RESERVATION | {"holdSeconds": 60}), 201),
    "too-few-seats": (lambda event: ("/reservations", RESERVATION | {"seats": 9}), 409),
    "confirmed": (lambda event: (f"/reservations/{hold(event)}/confirm", None), 200),
    "hold-expired": (lambda event: (f"/reservations/{expired(event)}/confirm", None), 409),
    "booked": (lambda event: (BOOKINGS, booking((event.slug, 1))), 201),
    "short-booking": (lambda event: (BOOKINGS, booking((scarce(event).slug, 3))), 409),
    "booking-cancelled": (lambda event: (f"{BOOKINGS}/{book((event, 1))}/cancel", None), 200),
}


def expired(event: Event) -> object:
    held = hold(event)
    expire_hold(held)
    return held


def scarce(event: Event) -> Event:
    return EventFactory.create(total_seats=2)


@pytest.mark.parametrize("name", POSTS)
@pytest.mark.parametrize("again", ["", "/"], ids=["bare", "slash"])
def test_repeated_request_gets_the_first_response_exactly(
    event: Event, client: APIClient, name: str, again: str
) -> None:
    reserve(event, seats=2)
    prepare, status = POSTS[name]
    path, body = prepare(event)
    first = post_with_key(client, path, body)
    version = Event.objects.get(pk=event.pk).version
    for later in Event.objects.all():
        reserve(later)
    second = post_with_key(client, path + again, body)
    assert (first.status_code, second.status_code) == (status, status)
    assert second.content == first.content
    assert second.get("Location") == first.get("Location")
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert Event.objects.get(pk=event.pk).version == version + 1


def test_remembered_response_ignores_later_changes(event: Event, client: APIClient) -> None:
    first = post_with_key(client, BOOKINGS, booking((event.slug, 1)))
    assert post(client, f"{first['Location']}/cancel").status_code == 200
    Event.objects.update(name="Another name")
    assert post_with_key(client, BOOKINGS, booking((event.slug, 1))).content == first.content
    held = post_with_key(client, "/reservations", RESERVATION | {"holdSeconds": 60}, key="h")
    expire_hold(held.json()["reservationId"])
    again = post_with_key(client, "/reservations", RESERVATION | {"holdSeconds": 60}, key="h")
    assert again.content == held.content


def test_refused_cancel_of_a_booking_is_remembered(event: Event, client: APIClient) -> None:
    path = f"{BOOKINGS}/{book((event, 1))}/cancel"
    post(client, path)
    responses = [post_with_key(client, path) for _ in range(2)]
    assert [response.status_code for response in responses] == [409, 409]
    assert [response.get("Idempotent-Replayed") for response in responses] == [None, "true"]


def test_equal_json_in_another_notation_is_the_same_request(
    event: Event, client: APIClient
) -> None:
    first = post_with_key(client, "/reservations", {"partnerId": "p\u00fc", "seats": 1})
    raw = b'\n{ "seats" : 1, "partnerId":"p\\u00fc" }'
    utf8 = "application/json; charset=utf-8"
    again = post(client, "/reservations", raw, content_type=utf8, idempotency_key='"k"')
    assert (again.status_code, again.content) == (201, first.content)


REUSED = "Idempotency-Key was already used for another request"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reservations", RESERVATION | {"seats": 2}),
        ("/reservations", RESERVATION | {"note": "a field that is ignored"}),
        ("/reservations", RESERVATION | {"seats": 3.5}),
        ("/reservations", RESERVATION | {"eventId": "node-meetup-2025"}),
        ("/reservations", {}),
        ("/reservations", RESERVATION | {"eventId": "none"}),
        ("/reservations", RESERVATION | {"eventId": "\x00"}),
        ("/api/reservations", RESERVATION),
        ("/reservations/00000000-0000-0000-0000-000000000000/confirm", None),
        ("/reservations/x/confirm", None),
    ],
    ids=[
        "other-seats",
        "ignored-field",
        "invalid-seats",
        "explicit-default",
        "empty-body",
        "unknown-event",
        "malformed-event",
        "other-mount",
        "confirm",
        "confirm-invalid-id",
    ],
)
def test_key_reused_with_another_body_or_path_is_refused(
    event: Event, client: APIClient, path: str, body: Any
) -> None:
    post_with_key(client, "/reservations", RESERVATION)
    response = post_with_key(client, path, body)
    assert (response.status_code, response.json()) == (
        422,
        {"error": REUSED, "code": "idempotency_key_reused"},
    )
    assert_inventory(event, available=7, version=1, reservations=1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"1" * 31 + b"2", b"1" * 31 + b"3"),
        (b"9" * 60_000, b"9" * 59_999 + b"8"),
        (b"-" + b"1" * 40, b"1" * 40),
        (b"0.1", b"0.10000000000000000001"),
        (b"1e400", b"1e401"),
        (b"0.0", b"1e-400"),
        (b"1", b"1.0"),
        (b"1" * 40, b'"' + b"1" * 40 + b'"'),
    ],
    ids=["32nd", "60000th", "sign", "20th-decimal", "overflow", "underflow", "type", "string"],
)
def test_bodies_that_differ_in_any_digit_are_different_requests(
    event: Event, client: APIClient, first: bytes, second: bytes
) -> None:
    for number, status in ((first, 201), (second, 422), (first, 201)):
        raw = b'{"partnerId": "p", "seats": 1, "order": ' + number + b"}"
        assert post_with_key(client, "/reservations", raw).status_code == status
    assert_inventory(event, available=9, version=1, reservations=1)


@pytest.mark.parametrize("path", ["/api/v1/bookings", "/api/v1/bookings/x/cancel"])
def test_key_reused_for_another_booking_request_is_refused(
    event: Event, client: APIClient, path: str
) -> None:
    post_with_key(client, BOOKINGS, booking((event.slug, 1)))
    response = post_with_key(client, path, {})
    assert (response.status_code, response.json()) == (
        422,
        {"error": "IdempotencyKeyReused", "message": REUSED},
    )


def test_api_families_have_separate_keys(event: Event, client: APIClient) -> None:
    assert post_with_key(client, "/reservations", RESERVATION).status_code == 201
    assert post_with_key(client, BOOKINGS, booking((event.slug, 1))).status_code == 201


def test_remembered_response_ignores_failing_conditions(event: Event, client: APIClient) -> None:
    headers = {"idempotency_key": "k", "if_match": '"node-meetup-2025-0"'}
    body = RESERVATION | {"expectedVersion": 0}
    first, again = (post(client, "/reservations", body, **headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"seats": 11}, 400),
        ({"eventId": "later"}, 404),
        ({"expectedVersion": 1}, 409),
    ],
    ids=["invalid", "event-not-found", "version-conflict"],
)
def test_response_that_is_not_final_is_not_remembered(
    event: Event, client: APIClient, change: Any, status: int
) -> None:
    assert post_with_key(client, "/reservations", RESERVATION | change).status_code == status
    assert not IdempotencyRecord.objects.exists()
    EventFactory.create(slug="later")
    reserve(event)
    again = post_with_key(client, "/reservations", RESERVATION | change)
    assert again.status_code == (400 if status == 400 else 201)
    assert "Idempotent-Replayed" not in again


def test_failed_precondition_is_not_remembered(event: Event, client: APIClient) -> None:
    headers = {"idempotency_key": "k", "if_match": '"node-meetup-2025-1"'}
    for status in (412, 201):
        response = post(client, "/reservations", RESERVATION, **headers)
        assert response.status_code == status
        reserve(event)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "Idempotency-Key must have 1 to 255 characters"),
        ('""', "Idempotency-Key must have 1 to 255 characters"),
        ("x" * 256, "Idempotency-Key must have 1 to 255 characters"),
        ("\xe9", "Idempotency-Key must be printable ASCII"),
        ("a\x7f", "Idempotency-Key must be printable ASCII"),
        ('"half', "Idempotency-Key must be unquoted or a complete quoted string"),
        ('"a";p=1', "Idempotency-Key must be unquoted or a complete quoted string"),
    ],
    ids=[
        "empty",
        "empty-quoted",
        "256-characters",
        "not-ascii",
        "control-character",
        "unclosed-quote",
        "parameter",
    ],
)
def test_invalid_key_is_rejected(event: Event, client: APIClient, key: str, message: str) -> None:
    error = ("Idempotency-Key", message)
    assert_invalid(post_with_key(client, "/reservations", RESERVATION, key), error)
    response = post_with_key(client, BOOKINGS, booking((event.slug, 1)), key)
    assert_invalid_in_v1(response, error)
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    "key",
    [
        "x",
        pytest.param("x" * 255, id="255-characters"),
        "a b",
        'a"b',
        "a\\b",
        "{}",
        "8f14e45f-ceea",
    ],
)
def test_unquoted_and_quoted_forms_are_the_same_key(
    event: Event, client: APIClient, key: str
) -> None:
    quoted = json.dumps(key)
    first, again = (
        post_with_key(client, "/reservations", RESERVATION, sent) for sent in (key, quoted)
    )
    assert (first.status_code, again.content) == (201, first.content)


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)


@given(printable)
def test_any_printable_text_can_be_quoted(key: str) -> None:
    assert parse_key('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"') == key


special = st.text(st.sampled_from(list('ab "\\\t\x7f\xe9~')), max_size=8)


@given(st.text(max_size=300) | special | special.map(lambda text: f'"{text}"'))
@example("x" * 255)
@example("x" * 256)
@example('"' + "x" * 255 + '"')
@example('"' + "x" * 256 + '"')
@example('"' + '\\"' * 255 + '"')
@example(" x ")
@example("x\n")
def test_documented_pattern_matches_the_accepted_keys(header: str) -> None:
    # In JSON Schema, unlike in Python, "$" does not match before a newline at the end.
    matches = bool(re.search(KEY_PATTERN.removesuffix("$") + r"\Z", header))
    try:
        key = parse_key(header)
    except ValidationError:
        assert not matches
    else:
        assert matches
        assert 1 <= len(key) <= 255
        assert key.isascii()
        assert key.isprintable()


def test_get_and_delete_ignore_the_key(event: Event, client: APIClient) -> None:
    reservation_id = reserve(event)
    headers = {"idempotency-key": ""}
    assert client.get("/reservations", headers=headers).status_code == 200
    assert client.delete(f"/reservations/{reservation_id}", headers=headers).status_code == 204
