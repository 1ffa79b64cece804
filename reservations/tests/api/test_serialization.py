"""Validation and representation with serializer instances that are created once and shared."""

from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from reservations.api.exceptions import to_api_error
from reservations.api.serialization import represent, validate


def must_differ(values: dict[str, Any]) -> None:
    if values["start"] == values["last"]:
        raise ValidationError("must differ")


class SpanSerializer(serializers.Serializer[Any]):
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


def errors_of(data: object) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        validate(SpanSerializer, data)
    details = to_api_error(refused.value, {}).details["details"]
    return [(each["path"], each["message"]) for each in details]


def test_all_hooks_of_a_serializer_are_called() -> None:
    assert validate(SpanSerializer, {"first": 1}) == {"start": 10, "last": 5, "checked": True}
    assert errors_of({"first": 3}) == [("first", "not three")]
    assert errors_of({"first": 1, "last": 0}) == [("last", "not zero")]
    assert errors_of({"first": 1, "last": 10}) == [("", "must differ")]
    assert [path for path, _ in errors_of({"first": 10, "last": "x"})] == ["first", "last"]


@pytest.mark.parametrize("data", [None, [], "text", 1], ids=repr)
def test_non_object_data_is_reported_without_a_path(data: object) -> None:
    assert [path for path, _ in errors_of(data)] == [""]


def test_shared_serializer_keeps_no_state_between_requests() -> None:
    assert validate(SpanSerializer, {"first": 1, "last": 2})["last"] == 2
    assert validate(SpanSerializer, {"first": 1})["last"] == 5
    assert represent(SpanSerializer, {"start": 7, "last": 8}) == {"first": 7, "last": 8}
