"""Validation by serializers that are made once."""

from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from reservations.api.exceptions import to_api_error
from reservations.api.serialization import represent, validate


def must_differ(values: dict[str, Any]) -> None:
    if values["start"] == values["last"]:
        raise ValidationError("must differ")


class Span(serializers.Serializer[Any]):
    first = serializers.IntegerField(source="start", max_value=9)
    last = serializers.IntegerField(default=5)

    class Meta:
        validators = (must_differ,)

    def validate_first(self, value: int) -> int:
        if value == 3:
            raise ValidationError("not three")
        return value * 10

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["last"] == 0:
            raise ValidationError({"last": "not zero"})
        return attrs | {"checked": True}


def faults(data: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        validate(Span, data)
    details = to_api_error(refused.value).details["details"]
    return [(each["path"], each["message"]) for each in details]


def test_every_hook_of_a_serializer_is_honoured() -> None:
    assert validate(Span, {"first": 1}) == {"start": 10, "last": 5, "checked": True}
    assert faults({"first": 3}) == [("first", "not three")]
    assert faults({"first": 1, "last": 0}) == [("last", "not zero")]
    assert faults({"first": 1, "last": 10}) == [("", "must differ")]
    assert [path for path, _ in faults({"first": 10, "last": "x"})] == ["first", "last"]


@pytest.mark.parametrize("data", [None, [], "text", 1])
def test_what_is_no_object_is_a_fault_of_the_whole(data: object) -> None:
    assert [path for path, _ in faults(data)] == [""]


def test_one_request_leaves_nothing_for_the_next() -> None:
    assert validate(Span, {"first": 1, "last": 2})["last"] == 2
    assert validate(Span, {"first": 1})["last"] == 5
    assert represent(Span, {"start": 7, "last": 8}) == {"first": 7, "last": 8}
