"""Cursors: the position of a row in a list as an opaque token."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from reservations.api.fields import parse_uuid
from reservations.keysets import Keyset, Position
from reservations.models import is_slug

MAX_LENGTH = 300
PATTERN = rf"^[A-Za-z0-9_-]{{0,{MAX_LENGTH}}}$"


class Cursor(NamedTuple):
    """A position in an order."""

    keyset: Keyset
    position: Position


def encode(cursor: Cursor) -> str:
    """Return ``cursor`` as text of at most ``MAX_LENGTH`` letters, digits, ``-`` and ``_``."""
    data = json.dumps([cursor.keyset.name, *map(_dump, cursor.position)], separators=(",", ":"))
    return urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decode(token: str, keysets: Iterable[Keyset]) -> Cursor | None:
    """Return the cursor that ``encode`` converted to ``token``; None if there is no such cursor.

    Args:
        token: any text.
        keysets: the orders of the list.
    """
    if not re.fullmatch(PATTERN, token):
        return None
    try:
        name, *values = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        [keyset] = [each for each in keysets if each.name == name]
        pairs = zip(keyset.types, values, strict=True)
        position = tuple(_PARSERS[kind](str(value)) for kind, value in pairs)
    except (ValueError, TypeError):
        return None
    cursor = Cursor(keyset, position)
    # The same values can be written in other ways, which are rejected.
    return cursor if None not in position and encode(cursor) == token else None


def _dump(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _parse_time(text: str) -> datetime | None:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo == UTC else None


def _parse_slug(text: str) -> str | None:
    return text if is_slug(text) else None


_PARSERS: dict[type, Callable[[str], Any]] = {
    datetime: _parse_time,
    UUID: parse_uuid,
    str: _parse_slug,
}
"""Functions that parse a value of a type. They return None or raise ValueError if it is invalid."""
