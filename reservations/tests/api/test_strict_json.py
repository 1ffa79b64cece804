"""The decoder of request bodies."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from reservations.api.strict_json import (
    MAX_DEPTH,
    MAX_VALUES,
    DuplicateKey,
    TooDeep,
    TooManyValues,
    decode,
)

texts = st.text(st.characters() | st.sampled_from('[]{}"\\'))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**28), 10**30 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(scalars, lambda each: st.lists(each) | st.dictionaries(texts, each))


@hypothesis_settings(max_examples=50)
@given(values, st.sampled_from([None, 1]))
def test_any_value_is_decoded_as_it_was_encoded(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert decode(text.encode()) == json.loads(text)


def depth_of(value: Any) -> int:
    nested = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, nested), default=0) if isinstance(value, dict | list) else 0


@hypothesis_settings(max_examples=50)
@given(values, st.integers(0, MAX_DEPTH + 1))
def test_values_are_accepted_up_to_the_maximum_depth(value: Any, depth: int) -> None:
    for n in range(depth):
        value = [value] if n % 2 else {"[": value, "x": "}" * 40, "y": [[], {}] * 2}
    raw = json.dumps(value).encode()
    if depth_of(value) > MAX_DEPTH:
        with pytest.raises(TooDeep):
            decode(raw)
    else:
        assert decode(raw) == json.loads(raw)


def count_of(value: Any) -> int:
    """Return the number of values in ``value``; an empty array or object counts as two."""
    if not isinstance(value, dict | list):
        return 1
    nested = value.values() if isinstance(value, dict) else value
    return 1 + max(sum(map(count_of, nested)), 1)


@hypothesis_settings(max_examples=50)
@given(values, st.integers(-1, 1))
def test_values_are_accepted_up_to_the_maximum_number(value: Any, excess: int) -> None:
    more = MAX_VALUES + excess - 1 - count_of(value)
    padded = [value, *[f'[{{"{n},' for n in range(more)]]
    assert count_of(padded) == MAX_VALUES + excess
    raw = json.dumps(padded).encode()
    if excess > 0:
        with pytest.raises(TooManyValues):
            decode(raw)
    else:
        assert decode(raw) == json.loads(raw)


def test_string_that_ends_in_an_escape_is_scanned_once() -> None:
    with pytest.raises(ValueError, match="Unterminated string") as raised:
        decode(b'{"a":"' + b"[" * MAX_DEPTH + b"\\")
    assert not isinstance(raised.value, TooDeep)


@given(st.dictionaries(texts, st.integers(), min_size=1), st.data())
def test_any_repeated_key_is_rejected(value: dict[str, int], data: st.DataObject) -> None:
    members = [f"{json.dumps(key)}:{number}" for key, number in value.items()]
    again = data.draw(st.sampled_from(members))
    place = data.draw(st.integers(0, len(members)))
    members.insert(place, again)
    with pytest.raises(DuplicateKey):
        decode(f'[{{"x": {{{",".join(members)}}}}}]'.encode())


@pytest.mark.parametrize(
    "raw",
    [b"", b"[}", b"[" * 40 + b"}" * 40, b"]" * 40 + b"[" * 40, b'["' + b"[" * 40, b'"\\', b"[1 2]"],
)
def test_malformed_text_is_rejected(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid|nested"):
        decode(raw)
