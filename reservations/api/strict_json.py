"""Decodes JSON (RFC 8259); rejects text that is ambiguous, and keeps each digit of a number.

Not orjson: it parses integers over 64 bits as floats, rejects lone surrogates, and accepts an
object that has a key twice.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Context, Decimal
from sys import float_info
from typing import Any

MAX_DEPTH = 32
"""How deep arrays and objects may be nested."""
MAX_VALUES = 1000
"""How many values a text may contain; an empty array or object counts as two. More values would
take so long to decode that other requests would wait."""
_MAX_LENGTH = 30


class Unacceptable(ValueError):
    """The text is not accepted, although it may be valid JSON; the message says why."""


class DuplicateKey(Unacceptable):
    """An object has a key twice, so its value depends on who reads it."""

    def __init__(self, key: str) -> None:
        super().__init__(f'Request body must not have the key "{key}" twice in an object')


class TooDeep(Unacceptable):
    """Arrays and objects are nested too deep."""

    def __init__(self) -> None:
        super().__init__(f"Request body must be nested at most {MAX_DEPTH} levels deep")


class TooManyValues(Unacceptable):
    """The text contains more than ``MAX_VALUES`` values."""

    def __init__(self) -> None:
        super().__init__(f"Request body must contain at most {MAX_VALUES} values")


@dataclass(frozen=True, slots=True)
class LongNumber:
    """A number that has no exact equivalent as a float, kept as it was written."""

    text: str


class LongInteger(LongNumber):
    """An integer of more than 30 characters.

    Parsing it takes quadratic time, and Python rejects more than 4,300 digits.
    """

    __slots__ = ()

    def first_digits(self) -> int:
        """Return the sign and the first digits, which exceed every limit and every version."""
        return int(self.text[:_MAX_LENGTH])


def decode(raw: bytes) -> Any:
    """Return the value of ``raw``, which must be JSON in UTF-8, in linear time.

    Raises:
        DuplicateKey: an object has a key twice.
        TooDeep: arrays and objects are nested deeper than ``MAX_DEPTH``.
        TooManyValues: there are more than ``MAX_VALUES``.
        ValueError: ``raw`` is not JSON, or not UTF-8.
    """
    _check_structure(raw)
    return _decoder.decode(raw.decode("utf-8"))


def encode_canonically(value: Any) -> str:
    """Return the same text for any two notations of a value that ``decode`` has returned.

    Whitespace, escapes and the order of keys do not matter. Numbers differ if their values do, and
    an integer differs from a number with a fraction or an exponent.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_mark)


def _mark(number: LongNumber) -> list[Any]:
    # NaN does not occur in JSON, so this differs from any value that a client can send.
    return [float("nan"), number.text]


# Matches at every quote, so that no part of a text is scanned again from another one.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_IS_OPENING = bytes.maketrans(b"[{]}", b"\1\1\0\0")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _check_structure(raw: bytes) -> None:
    openings = raw.count(b"[") + raw.count(b"{")
    if openings <= MAX_DEPTH and openings + raw.count(b",") < MAX_VALUES:
        return
    structure = _STRING.sub(b"", raw)
    # A value is the first one of the text or of an array or object, or follows a comma.
    if sum(map(structure.count, (b"[", b"{", b","))) >= MAX_VALUES:
        raise TooManyValues
    depth = 0
    for opening in structure.translate(_IS_OPENING, _NOT_BRACKETS):
        depth += 1 if opening else -1
        # The decoder must not recurse deeper.
        if depth > MAX_DEPTH:
            raise TooDeep


def _parse_int(text: str) -> int | LongInteger:
    return int(text) if len(text) <= _MAX_LENGTH else LongInteger(text)


_quiet = Context(traps=[])  # An exponent that is too long for Decimal results in NaN.


def _parse_float(text: str) -> float | LongNumber:
    number = float(text)
    # Up to 15 digits, different values are different floats, except next to zero and infinity.
    if len(text) <= float_info.dig and float_info.min <= abs(number) <= float_info.max:
        return number
    if Decimal(repr(number)) == Decimal(text, _quiet):
        return number
    return LongNumber(text)


def _reject_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise DuplicateKey(key)
    return body


_decoder = json.JSONDecoder(
    parse_int=_parse_int,
    parse_float=_parse_float,
    parse_constant=_reject_constant,
    object_pairs_hook=_to_dict,
)
