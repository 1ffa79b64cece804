"""Strict fields for JSON bodies and query strings."""

import re
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reservations.api.strict_json import LongInteger

Messages = dict[str, Any]
"""Error messages by DRF's error keys."""


def _messages(sentence: str) -> Messages:
    return dict.fromkeys(("required", "null", "invalid"), sentence)


@extend_schema_field({"type": "string"})
class StrictCharField(serializers.Field[str, Any, str, Any]):
    """A JSON string; values of other types are rejected."""

    def __init__(self, *, subject: str, error_messages: Messages | None = None, **options: Any):
        """Start each message with ``subject``; ``error_messages`` overrides some of them."""
        super().__init__(
            error_messages=_messages(f"{subject} must be a string") | (error_messages or {}),
            **options,
        )

    def to_internal_value(self, data: Any) -> str:
        """Return ``data``; reject it unless it is a string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        """Return ``value``."""
        return value


@extend_schema_field({"type": "string"})
class QueryCharField(serializers.Field[str, str, str, str]):
    """Any text in a query string."""

    def to_internal_value(self, data: str) -> str:
        """Return ``data``."""
        return data

    def to_representation(self, value: str) -> str:
        """Return ``value``."""
        return value


class BoundedIntegerField(serializers.IntegerField):
    """An integer from ``min_value`` to ``max_value``."""

    def __init__(
        self, *, min_value: int | None = None, max_value: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        # Not passed to DRF, which would add Django's validators. Their exceptions form reference
        # cycles that keep the request in memory.
        self.min_value, self.max_value = min_value, max_value

    def check_bounds(self, value: int) -> int:
        """Return ``value``; reject it unless it is within the bounds."""
        if self.min_value is not None and value < self.min_value:
            self.fail("min_value")
        if self.max_value is not None and value > self.max_value:
            self.fail("max_value")
        return value


class StrictIntegerField(BoundedIntegerField):
    """A JSON integer; 3.0, "3" and true are rejected."""

    def __init__(
        self, *, subject: str, error_messages: Messages | None = None, **options: Any
    ) -> None:
        """Start each message with ``subject``; ``error_messages`` overrides some of them."""
        sentences = _messages(f"{subject} must be an integer")
        for name, text in (("min_value", "at least"), ("max_value", "at most")):
            if name in options:
                sentences[name] = f"{subject} must be {text} {options[name]}"
        super().__init__(error_messages=sentences | (error_messages or {}), **options)

    def to_internal_value(self, data: Any) -> int:
        """Return ``data``; reject it unless it is an integer within the bounds."""
        if isinstance(data, LongInteger):
            data = data.first_digits()
        if type(data) is not int:
            self.fail("invalid")
        return self.check_bounds(data)


class QueryIntegerField(BoundedIntegerField):
    """An integer in a query string, written as decimal digits."""

    def __init__(self, *, min_value: int, max_value: int, **options: Any) -> None:
        sentence = f"must be an integer from {min_value} to {max_value}"
        super().__init__(
            min_value=min_value,
            max_value=max_value,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), sentence),
            **options,
        )

    def to_internal_value(self, data: Any) -> int:
        """Return ``data`` as an integer; reject it unless it is within the bounds."""
        if not re.fullmatch(r"[0-9]{1,19}", str(data)):
            self.fail("invalid")
        return self.check_bounds(int(data))


def parse_uuid(text: str) -> UUID | None:
    """Return ``text`` as a UUID, or None unless it is in canonical form (RFC 9562, any case)."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None
