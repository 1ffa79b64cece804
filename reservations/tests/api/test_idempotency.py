"""Idempotency-Key, on every POST of both families."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from reservations.api.idempotency import KEY_PATTERN, parse_key
from reservations.models import Event, IdempotencyRecord
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, book, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db

OK = {"partnerId": "abc-corp", "seats": 3}


def booking(event: Event, quantity: int = 1) -> dict[str, Any]:
    items = [{"eventId": event.slug, "quantity": quantity}]
    return {"customerEmail": "user@example.com", "items": items}


def post(client: APIClient, path: str, body: Any = None, key: str = "k") -> Any:
    sent = {} if body is None else {"data": body, "format": "json"}
    return client.post(path, headers={"idempotency-key": key}, **sent)


POSTS: dict[str, tuple[Callable[[Event], tuple[str, Any]], int]] = {
    "reserved": (lambda event: ("/reservations", OK), 201),
    "held": (lambda event: ("/reservations", OK | {"holdSeconds": 60}), 201),
    "too few seats": (lambda event: ("/reservations", OK | {"seats": 9}), 409),
    "confirmed": (lambda event: (f"/reservations/{hold(event)}/confirm", None), 200),
    "hold expired": (lambda event: (f"/reservations/{lapsed(event)}/confirm", None), 409),
    "booked": (lambda event: ("/api/v1/bookings", booking(event)), 201),
    "short booking": (lambda event: ("/api/v1/bookings", booking(scarce(event), 3)), 409),
    "booking cancelled": (lambda event: (f"/api/v1/bookings/{book((event, 1))}/cancel", None), 200),
}


def lapsed(event: Event) -> object:
    held = hold(event)
    expire_hold(held)
    return held


def scarce(event: Event) -> Event:
    return EventFactory.create(total_seats=2)


@pytest.mark.parametrize("name", POSTS)
@pytest.mark.parametrize("again", ["", "/"])
def test_the_first_answer_again_byte_for_byte(
    event: Event, client: APIClient, name: str, again: str
) -> None:
    reserve(event, seats=2)
    prepare, status = POSTS[name]
    path, body = prepare(event)
    first = post(client, path, body)
    version = Event.objects.get(pk=event.pk).version
    for event_since in Event.objects.all():
        reserve(event_since)
    second = post(client, path + again, body)
    assert (first.status_code, second.status_code) == (status, status)
    assert second.content == first.content
    assert second.get("Location") == first.get("Location")
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert Event.objects.get(pk=event.pk).version == version + 1


def test_the_answer_stays_though_the_world_has_changed(event: Event, client: APIClient) -> None:
    first = post(client, "/api/v1/bookings", booking(event))
    assert client.post(f"{first['Location']}/cancel").status_code == 200
    Event.objects.update(name="Another name")
    assert post(client, "/api/v1/bookings", booking(event)).content == first.content
    held = post(client, "/reservations", OK | {"holdSeconds": 60}, key="h")
    expire_hold(held.json()["reservationId"])
    again = post(client, "/reservations", OK | {"holdSeconds": 60}, key="h")
    assert again.content == held.content


def test_a_booking_that_is_cancelled_already(event: Event, client: APIClient) -> None:
    path = f"/api/v1/bookings/{book((event, 1))}/cancel"
    client.post(path)
    answers = [post(client, path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert [answer.get("Idempotent-Replayed") for answer in answers] == [None, "true"]


def test_the_same_json_written_otherwise(event: Event, client: APIClient) -> None:
    first = post(client, "/reservations", {"partnerId": "p\u00fc", "seats": 1})
    raw = b'\n{ "seats" : 1, "partnerId":"p\\u00fc" }'
    again = client.post(
        "/reservations",
        raw,
        content_type="application/json; charset=utf-8",
        headers={"idempotency-key": '"k"'},
    )
    assert (again.status_code, again.content) == (201, first.content)


REUSED = "Idempotency-Key was used before, for another request"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reservations", OK | {"seats": 2}),
        ("/reservations", OK | {"note": "a field that is ignored"}),
        ("/reservations", OK | {"seats": 3.5}),
        ("/reservations", {}),
        ("/api/reservations", OK),
        ("/reservations/00000000-0000-0000-0000-000000000000/confirm", None),
        ("/reservations/x/confirm", None),
    ],
)
def test_another_body_or_path(event: Event, client: APIClient, path: str, body: Any) -> None:
    post(client, "/reservations", OK)
    answer = post(client, path, body)
    assert (answer.status_code, answer.json()) == (
        422,
        {"error": REUSED, "code": "idempotency_key_reused"},
    )
    assert_inventory(event, available=7, version=1, reservations=1)


@pytest.mark.parametrize("path", ["/api/v1/bookings", "/api/v1/bookings/x/cancel"])
def test_another_request_for_bookings(event: Event, client: APIClient, path: str) -> None:
    post(client, "/api/v1/bookings", booking(event))
    answer = post(client, path, {})
    assert (answer.status_code, answer.json()) == (
        422,
        {"error": "IdempotencyKeyReused", "message": REUSED},
    )


def test_each_family_has_its_own_keys(event: Event, client: APIClient) -> None:
    assert post(client, "/reservations", OK).status_code == 201
    assert post(client, "/api/v1/bookings", booking(event)).status_code == 201


def test_the_key_comes_before_any_other_condition(event: Event, client: APIClient) -> None:
    headers = {"idempotency-key": "k", "if-match": '"node-meetup-2025-0"'}
    body = OK | {"expectedVersion": 0}
    first, again = (
        client.post("/reservations", body, format="json", headers=headers) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"seats": 11}, 400),
        ({"eventId": "later"}, 404),
        ({"expectedVersion": 1}, 409),
    ],
)
def test_not_remembered(event: Event, client: APIClient, change: Any, status: int) -> None:
    assert post(client, "/reservations", OK | change).status_code == status
    assert not IdempotencyRecord.objects.exists()
    EventFactory.create(slug="later")
    reserve(event)
    again = post(client, "/reservations", OK | change)
    assert again.status_code == (400 if status == 400 else 201)
    assert "Idempotent-Replayed" not in again


def test_a_failed_precondition_is_not_remembered(event: Event, client: APIClient) -> None:
    headers = {"idempotency-key": "k", "if-match": '"node-meetup-2025-1"'}
    for status in (412, 201):
        answer = client.post("/reservations", OK, format="json", headers=headers)
        assert answer.status_code == status
        reserve(event)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "Idempotency-Key must have 1 to 255 characters"),
        ('""', "Idempotency-Key must have 1 to 255 characters"),
        ("x" * 256, "Idempotency-Key must have 1 to 255 characters"),
        ("\xe9", "Idempotency-Key must be printable ASCII"),
        ("a\x7f", "Idempotency-Key must be printable ASCII"),
        ('"half', "Idempotency-Key must be a whole quoted string, or bare"),
        ('"a";p=1', "Idempotency-Key must be a whole quoted string, or bare"),
    ],
)
def test_what_is_no_key(event: Event, client: APIClient, key: str, message: str) -> None:
    details = [{"path": "Idempotency-Key", "message": message}]
    answer = post(client, "/reservations", OK, key)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": message, "code": "invalid", "details": details},
    )
    answer = post(client, "/api/v1/bookings", booking(event), key)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "ValidationError", "message": message, "details": details},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("key", ["x", "x" * 255, "a b", 'a"b', "a\\b", "{}", "8f14e45f-ceea"])
def test_a_key_bare_and_quoted(event: Event, client: APIClient, key: str) -> None:
    quoted = json.dumps(key)
    first, again = (post(client, "/reservations", OK, sent) for sent in (key, quoted))
    assert (first.status_code, again.content) == (201, first.content)


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)


@hypothesis_settings(deadline=None)
@given(printable)
def test_every_printable_text_can_be_quoted(key: str) -> None:
    assert parse_key('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"') == key


awkward = st.text(st.sampled_from(list('ab "\\\t\x7f\xe9~')), max_size=8)


@hypothesis_settings(deadline=None)
@given(st.text(max_size=300) | awkward | awkward.map(lambda text: f'"{text}"'))
@example("x" * 255)
@example("x" * 256)
@example('"' + "x" * 255 + '"')
@example('"' + "x" * 256 + '"')
@example('"' + '\\"' * 255 + '"')
@example(" x ")
def test_the_pattern_is_what_is_accepted(header: str) -> None:
    try:
        key = parse_key(header)
    except ValidationError:
        assert not re.search(KEY_PATTERN, header)
    else:
        assert re.search(KEY_PATTERN, header)
        assert 1 <= len(key) <= 255
        assert key.isascii()
        assert key.isprintable()


def test_get_and_delete_take_no_notice(event: Event, client: APIClient) -> None:
    reservation_id = reserve(event)
    headers = {"idempotency-key": ""}
    assert client.get("/reservations", headers=headers).status_code == 200
    assert client.delete(f"/reservations/{reservation_id}", headers=headers).status_code == 204


def test_a_body_nested_as_deep_as_can_be_parsed(event: Event, client: APIClient) -> None:
    for depth in (400, 900, 990, 5_000, 20_000):
        raw = b'{"partnerId": "p", "seats": 1, "x": ' + b"[" * depth + b"]" * depth + b"}"
        answer = client.post(
            "/reservations",
            raw,
            content_type="application/json",
            headers={"idempotency-key": str(depth)},
        )
        assert answer.status_code in {201, 400}
