"""Fields of bodies and query strings, strict about JSON's types."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({"type": "string"})
class Text(serializers.Field[str, Any, str, Any]):
    """A JSON string; a number is not turned into one."""

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` if it is a string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        """Return ``value``."""
        return value


class Integer(serializers.Field[int, Any, int, Any]):
    """A JSON integer from ``minimum`` to ``maximum``; 3.0, "3" and true are none."""

    minimum: int | None = None
    maximum: int | None = None

    def to_internal_value(self, data: Any) -> int:
        """Return ``data`` if it is an integer in range."""
        if type(data) is not int:
            self.fail("invalid")
        if self.minimum is not None and data < self.minimum:
            self.fail("too_few")
        if self.maximum is not None and data > self.maximum:
            self.fail("too_many")
        return data

    def to_representation(self, value: int) -> int:
        """Return ``value``."""
        return value


class QueryInteger(serializers.IntegerField):
    """Decimal digits in a query string, from ``minimum`` to ``maximum``."""

    def __init__(self, *, minimum: int, maximum: int, default: int, help_text: str = "") -> None:
        sentence = f"must be an integer from {minimum} to {maximum}"
        super().__init__(
            min_value=minimum,
            max_value=maximum,
            default=default,
            help_text=help_text,
            error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), sentence),
        )

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if not re.fullmatch(r"[0-9]{1,19}", str(data)):
            self.fail("invalid")
        return int(data)
