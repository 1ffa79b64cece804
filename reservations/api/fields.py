"""Fields of bodies and query strings, strict about JSON's types."""

import re
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

Messages = dict[str, Any]
"""Sentences by DRF's names for what is wrong."""


def _messages(sentence: str) -> Messages:
    return dict.fromkeys(("required", "null", "invalid"), sentence)


@extend_schema_field({"type": "string"})
class StrictCharField(serializers.Field[str, Any, str, Any]):
    """A JSON string; a number is not turned into one."""

    def __init__(self, *, subject: str, error_messages: Messages | None = None, **options: Any):
        """Let the messages begin with ``subject``, unless ``error_messages`` has others."""
        super().__init__(
            error_messages=_messages(f"{subject} must be a string") | (error_messages or {}),
            **options,
        )

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` if it is a string."""
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
        # Not to DRF, which would make validators of them: the error that Django's raise leaves a
        # circle of references behind, and with it the whole request.
        self.min_value, self.max_value = min_value, max_value

    def check_bounds(self, value: int) -> int:
        """Return ``value`` if it is in range."""
        if self.min_value is not None and value < self.min_value:
            self.fail("min_value")
        if self.max_value is not None and value > self.max_value:
            self.fail("max_value")
        return value


class StrictIntegerField(BoundedIntegerField):
    """A JSON integer; 3.0, "3" and true are refused."""

    def __init__(
        self, *, subject: str, error_messages: Messages | None = None, **options: Any
    ) -> None:
        """Let the messages begin with ``subject``, unless ``error_messages`` has others."""
        sentences = _messages(f"{subject} must be an integer")
        for name, text in (("min_value", "at least"), ("max_value", "at most")):
            if name in options:
                sentences[name] = f"{subject} must be {text} {options[name]}"
        super().__init__(error_messages=sentences | (error_messages or {}), **options)

    def to_internal_value(self, data: Any) -> int:
        """Return ``data`` if it is an integer in range."""
        if type(data) is not int:
            self.fail("invalid")
        return self.check_bounds(data)


class QueryIntegerField(BoundedIntegerField):
    """Decimal digits in a query string."""

    def __init__(self, *, min_value: int, max_value: int, **options: Any) -> None:
        sentence = f"must be an integer from {min_value} to {max_value}"
        super().__init__(
            min_value=min_value,
            max_value=max_value,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), sentence),
            **options,
        )

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if not re.fullmatch(r"[0-9]{1,19}", str(data)):
            self.fail("invalid")
        return self.check_bounds(int(data))


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID that ``text`` is in canonical form (RFC 9562, either case), else None."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None
