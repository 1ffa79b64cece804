"""No body makes a request expensive, or its refusal long, whatever it contains."""

import json
import sys
import unicodedata
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from reservations.api import strict_json
from reservations.api.error_details import MAX_DETAILS, MAX_ECHOED, shorten
from reservations.api.exceptions import exception_handler
from reservations.api.parsers import MAX_BODY_BYTES
from reservations.errors import Refusal
from reservations.models import Event
from reservations.tests.api.client import post
from reservations.tests.api.v1.client import BOOKINGS, booking
from reservations.tests.api.v1.client import assert_invalid as assert_invalid_in_v1
from reservations.tests.factories import EventFactory, book, hold, reserve

pytestmark = pytest.mark.django_db

MAX_REFUSAL_BYTES = 16 * 1024


def filled(start: str, unit: str, end: str, *, separator: str = ",") -> bytes:
    """Repeat ``unit`` until the body is about 64 KiB long."""
    times = (MAX_BODY_BYTES - len(start + end)) // len(unit + separator)
    return (start + separator.join([unit] * times) + end).encode()


def nested(start: str, end: str, depth: int = 20_000) -> bytes:
    return (start * depth)[:MAX_BODY_BYTES].encode() + end.encode() * depth


LONG = MAX_BODY_BYTES - 200
ODD = ("\x01", "\ud800", "\U0001f4ba")
CORPUS: dict[str, bytes] = {
    "empty-items": filled('{"items": [', "{}", "]}"),
    "zero-items": filled('{"items": [', "0", "]}"),
    "null-items": filled('{"items": [', "null", "]}"),
    "wrong-items": filled('{"items": [', '{"eventId":0,"quantity":9}', "]}"),
    "wrong-20-items": json.dumps({"items": [{"eventId": 0, "quantity": 9}] * 20}).encode(),
    "unknown-keys": json.dumps({f"k{n}": n for n in range(4_000)}).encode(),
    "repeated-key": filled("{", '"partnerId":"p"', "}"),
    "repeated-long-key": json.dumps({"k" * 30_000: 1}).encode()[:-1]
    + json.dumps({"k" * 30_000: 2}).encode().replace(b"{", b",", 1),
    "long-key": json.dumps({"k" * LONG: 1}).encode(),
    "long-string": json.dumps("x" * LONG).encode(),
    "many-digits": b'{"partnerId":"p","seats":' + b"9" * 60_000 + b"}",
    "many-decimals": b'{"partnerId":"p","seats":1.' + b"9" * 60_000 + b"}",
    "long-exponent": b'{"partnerId":"p","seats":1e' + b"9" * 60_000 + b"}",
    "many-floats": filled('{"seats": [', "0e0", "]}"),
    "open-arrays": b"[" * MAX_BODY_BYTES,
    "open-objects": nested('{"a":', ""),
    "nested-arrays": nested("[", "]"),
    "nested-items": nested('{"items":[', "]}", 5_000),
    "open-string": b"[" * 100 + b'"' + b'\\"' * 32_000,
    "open-escape": b"[" * 100 + b'"' + b'\\"' * 32_000 + b"\\",
    "shallow-arrays": filled('{"x": [', "[" * 20 + "]" * 20, "]}"),
    **{
        f"long-{name}-{odd!a}": json.dumps(
            {"partnerId": "p", "seats": 1, "customerEmail": "a@b.example", name: value}
        ).encode()
        for odd in ODD
        for text in [odd * (LONG // (len(json.dumps(odd)) - 2) // 20 * 20)]
        for name, value in {
            "partnerId": text,
            "eventId": text,
            "customerEmail": text,
            "items": [
                {"eventId": f"{n}{text[: len(text) // 20 - 60]}", "quantity": 1} for n in range(20)
            ],
        }.items()
    },
}


@contextmanager
def counting(calls: list[int]) -> Any:
    """Append the number of functions that were called inside the block."""
    count = 0

    def profile(_frame: object, kind: str, _argument: object) -> None:
        nonlocal count
        count += kind in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        calls.append(count)


Send = Callable[[APIClient, bytes, str], Any]


def poster(path: str) -> Send:
    return lambda client, body, key: post(client, path, body, idempotency_key=key)


def senders(event: Event) -> list[Send]:
    """Return a function for each way to send a body to the API."""
    held, sold, booked = hold(event), reserve(event), book(event)
    paths = [
        *(f"{mount}/reservations" for mount in ("", "/api", "/api/demo")),
        f"/reservations/{held}/confirm",
        BOOKINGS,
        f"{BOOKINGS}/{booked}/cancel",
    ]

    def delete(client: APIClient, body: bytes, _key: str) -> Any:
        path = f"/reservations/{sold}"
        return client.delete(path, body, content_type="application/json")

    return [*map(poster, paths), delete]


@pytest.mark.parametrize("name", CORPUS)
def test_any_body_is_answered_briefly_with_linear_work(
    event: Event, client: APIClient, name: str
) -> None:
    body = CORPUS[name]
    assert len(body) <= MAX_BODY_BYTES
    for send in senders(event):
        calls: list[int] = []
        for sent in (b'{"items": [{}]}', body):
            with counting(calls):
                response = send(client, sent, f"k{len(sent)}")
        assert response.status_code < 500
        assert len(response.content) <= MAX_REFUSAL_BYTES
        assert len(json.loads(response.content or "{}").get("details", ())) <= MAX_DETAILS
        # 20 items may take 30 times as much work as one; what is not kept, two calls for each byte.
        assert calls[1] <= 3 * calls[0] + 4_000 + 2 * len(body)


def test_too_many_items_are_refused_without_a_look_at_them(event: Event, client: APIClient) -> None:
    items = ("items", "maximum 20 items per booking")
    body = {"customerEmail": "a@b.example", "items": [{}] * 21}
    assert_invalid_in_v1(post(client, BOOKINGS, body), items)
    response = post(client, BOOKINGS, body | {"customerEmail": "x"})
    assert_invalid_in_v1(response, ("customerEmail", "must be a valid email"), items)


def test_values_are_counted_before_they_are_decoded(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_json, "_decoder", None)
    body = filled('{"customerEmail": "a@b.example", "items": [', "{}", "]}")
    error = ("", "Request body must contain at most 1000 values")
    assert_invalid_in_v1(post(client, BOOKINGS, body), error)


def test_refusal_lists_50_errors_and_counts_the_others() -> None:
    error = ValidationError({"items": {str(n): {"seats": ["wrong"]} for n in range(53)}})
    body = json.loads(exception_handler(error, {}).content)
    assert body["details"] == [{"path": f"items.{n}.seats", "message": "wrong"} for n in range(50)]
    assert (body["error"], body["more"]) == ("wrong", 3)


def test_50_errors_are_all_listed() -> None:
    error = ValidationError({str(n): ["wrong"] for n in range(50)})
    body = json.loads(exception_handler(error, {}).content)
    assert (len(body["details"]), "more" in body) == (50, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "\u2026"),
        ("\ud800" * 300, "?" * 199 + "\u2026"),
    ],
    ids=["200", "201", "surrogates"],
)
def test_echoed_text_is_cut_at_200_characters(text: str, shown: str) -> None:
    assert (shorten(text), len(shown)) == (shown, MAX_ECHOED)


def test_marks_are_not_sorted_in_text_that_is_too_long(
    event: Event, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [0]
    normalize = unicodedata.normalize

    def recording(form: Any, text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", recording)
    text = "a" + "\u0316\u0301" * 4_000
    reserving = post(client, "/reservations", {"partnerId": text, "seats": 1})
    assert reserving.json()["error"] == "Partner ID must be at most 100 characters"
    assert post(client, BOOKINGS, {"customerEmail": f"{text}@b.example"}).status_code == 400
    assert max(lengths) <= 1_000


@pytest.mark.parametrize("path", ["/reservations", BOOKINGS])
def test_long_content_type_and_method_are_echoed_in_part(
    event: Event, client: APIClient, path: str
) -> None:
    typed = post(client, path, b"x", content_type="x" * 60_000)
    named = client.generic("X" * 60_000, path)
    for response, status in ((typed, 415), (named, 405)):
        sentence = response.json().get("message") or response.json()["error"]
        assert (response.status_code, len(sentence)) == (status, MAX_ECHOED)


def test_sentences_of_refusals_are_not_cut() -> None:
    assert all(shorten(each.message) == each.message for each in Refusal.__subclasses__())


def test_longest_list_of_short_items_fits(client: APIClient) -> None:
    slugs = [f"{n:x<100}" for n in range(20)]
    for slug in slugs:
        EventFactory.create(slug=slug, total_seats=0)
    response = post(client, BOOKINGS, booking(*((slug, 3) for slug in slugs)))
    assert (response.status_code, len(response.json()["items"])) == (409, 20)
    assert len(response.content) <= MAX_REFUSAL_BYTES
