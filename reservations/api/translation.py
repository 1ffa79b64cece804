"""From JSON to values and back, by serializers that are made once and not for each request."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from rest_framework.serializers import Serializer

_Class = type[Serializer[Any]]


def parse(serializer: _Class, data: Any) -> dict[str, Any]:
    """Return what ``data`` means to ``serializer``.

    Raises:
        ValidationError: DRF's, with every fault.
    """
    return dict(_made_once(serializer).run_validation(data))


def represent(serializer: _Class, value: object) -> dict[str, Any]:
    """Return ``value`` as ``serializer`` shows it."""
    return dict(_made_once(serializer).to_representation(value))


def represent_all(serializer: _Class, values: Iterable[object]) -> list[dict[str, Any]]:
    """Return each of ``values`` as ``serializer`` shows it."""
    return [represent(serializer, value) for value in values]


@cache
def _made_once(serializer: _Class) -> Serializer[Any]:
    # To copy the fields, as DRF does for each instance, takes longer than to use them.
    return serializer()
