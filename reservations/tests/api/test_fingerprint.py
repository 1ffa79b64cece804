"""The fingerprint of a request: equal for equal JSON only, and the same in every version."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from reservations.api import strict_json
from reservations.api.idempotency import fingerprint
from reservations.api.reservations.serializers import ReservationRequest
from reservations.api.serialization import validate
from reservations.api.v1.serializers import BookingRequest


@pytest.mark.parametrize(
    ("path", "body", "digest"),
    [
        (
            "/reservations/",
            b'{"partnerId": "p\\u00fc", "seats": 3, "eventId": "node-meetup-2025",'
            b' "holdSeconds": 60}',
            "6bf2692cf465533abcd4a9f97334504685fb18d50c47384fa97187b2147bc549",
        ),
        (
            "/api/v1/bookings",
            b'{"items": [{"quantity": 2, "eventId": "e"}], "customerEmail": "ada@example.com",'
            b' "price": 19.50, "big": 123456789012345678901234567890, "small": 1e-7,'
            b' "x": [true, null, 0.0, -5]}',
            "7f958c4f3ba59378db008910e1c356685cc28938009701a460997cbf27343e72",
        ),
        (
            "/reservations/x/confirm",
            b"null",
            "5736b2257d7c94782cf9c4977293b5a67e45e4b4ac809e3895d99bf43dfb8f3e",
        ),
    ],
    ids=["reserve", "book", "confirm"],
)
def test_fingerprint_is_that_of_earlier_versions(path: str, body: bytes, digest: str) -> None:
    assert fingerprint("POST", path, strict_json.decode(body)) == digest


LIKE_NUMBERS = [
    *(
        "0",
        "-0",
        "1",
        "1.0",
        "1.00",
        "1e0",
        "10e-1",
        "2",
        "10",
        "10.5",
        "10.50",
        "1e1",
        "0.0",
        "0e9",
    ),
    *("1e-400", "1e400", "1e401", "0.1", "0.10000000000000000001", "0.100000000000000005"),
    *("1" * 30, "1" * 31, "1" * 30 + "2", "-" + "1" * 31, "1" * 31 + ".0"),
    *('"1"', '"1.0"', '"' + "1" * 31 + '"', "true", "false", "null", "[]", "[1]", "{}", '{"": 1}'),
]
TEXTS = [
    '"p"',
    '"\\u0070"',
    '" p"',
    '"P"',
    '"\\u00fc"',
    '"\u00fc"',
    '"u\u0308"',
    '"\\ud800"',
    '"?"',
]
Pairs = st.SearchStrategy[tuple[str, str]]


def paired(*texts: str) -> Pairs:
    """Return a strategy for two values, which are often the same."""
    value = st.sampled_from(texts)
    same = value.map(lambda text: (text, text))
    return st.one_of(same, same, same, st.tuples(value, value))


@st.composite
def two_objects(draw: st.DrawFn, members: dict[str, Pairs]) -> tuple[str, str]:
    """Return two objects with some of ``members``, each in any order."""
    present = draw(st.sets(st.sampled_from(sorted(members))))
    pairs = {name: draw(members[name]) for name in sorted(present)}
    first, second = (
        ",".join(f'"{name}": {pairs[name][n]}' for name in draw(st.permutations(sorted(present))))
        for n in range(2)
    )
    return f"{{{first}}}", f"{{{second}}}"


def two_arrays(item: Pairs) -> Pairs:
    """Return a strategy for two arrays with one item each."""
    return item.map(lambda pair: (f"[{pair[0]}]", f"[{pair[1]}]"))


values = paired(*LIKE_NUMBERS, *TEXTS)
events = paired('"e"', '"\\u0065"', '"e "', "null")
quantities = paired("1", "1.0", "1e0", "2", "1" * 31)
REQUESTS: dict[type[Serializer[Any]], Pairs] = {
    ReservationRequest: two_objects(
        {
            "partnerId": paired(*TEXTS),
            "seats": quantities,
            "eventId": events,
            "holdSeconds": values,
            "expectedVersion": values,
            "order": values,
        }
    ),
    BookingRequest: two_objects(
        {
            "customerEmail": paired('"a@b.example"', '"A@b.example"', '"a@b.example "'),
            "items": two_arrays(two_objects({"eventId": events, "quantity": quantities})),
            "order": values,
        }
    ),
}


def command_of(serializer: type[Serializer[Any]], body: dict[str, Any]) -> object:
    """Return what the ledger would be asked to do, or the errors."""
    try:
        wanted = validate(serializer, body)
    except ValidationError as error:
        return error.detail
    return {
        name: [(item.event, item.seats) for item in value] if name == "items" else value
        for name, value in wanted.items()
    }


def exact(text: str) -> Any:
    """Decode JSON with the types and the exact values of its numbers."""
    return json.loads(
        text,
        parse_int=lambda digits: ("integer", Decimal(digits)),
        parse_float=lambda digits: ("float", Decimal(digits)),
    )


@pytest.mark.parametrize("serializer", REQUESTS)
def test_bodies_with_one_fingerprint_are_one_command(serializer: type[Serializer[Any]]) -> None:
    @given(REQUESTS[serializer])
    def check(pair: tuple[str, str]) -> None:
        one, other = (strict_json.decode(text.encode()) for text in pair)
        same = fingerprint("POST", "/", one) == fingerprint("POST", "/", other)
        assert same == (exact(pair[0]) == exact(pair[1]))
        assert not same or command_of(serializer, one) == command_of(serializer, other)

    check()


@pytest.mark.parametrize("one", LIKE_NUMBERS + TEXTS)
def test_values_have_one_fingerprint_only_if_equal(one: str) -> None:
    for other in LIKE_NUMBERS + TEXTS:
        first, second = (
            fingerprint("POST", "/", strict_json.decode(b'{"x": %s}' % text.encode()))
            for text in (one, other)
        )
        assert (first == second) == (exact(one) == exact(other)), other
