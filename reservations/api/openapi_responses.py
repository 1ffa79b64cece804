"""Builds the responses of the OpenAPI document.

They are derived from the code: validation messages come from the serializers' ``error_messages``,
and error bodies from the exception handlers that also answer real requests. Examples of successful
responses are in the ``examples.json`` of each API.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer
from rest_framework import exceptions, serializers

SerializerClass = type[serializers.Serializer[Any]]
Bodies = Mapping[type[Exception], SerializerClass]


def success(serializer: Any, description: str, examples: Mapping[str, Any]) -> OpenApiResponse:
    """Return a success response; ``examples`` maps names to bodies."""
    return OpenApiResponse(serializer, description=description, examples=named(examples))


def named(examples: Mapping[str, Any], **options: Any) -> list[OpenApiExample]:
    """Return the OpenAPI examples for a mapping of names to bodies."""
    return [OpenApiExample(name, value=value, **options) for name, value in examples.items()]


def refusals(
    *causes: Exception,
    handler: Callable[[Exception, dict[str, Any]], HttpResponse],
    bodies: Bodies,
    otherwise: SerializerClass,
) -> dict[int, OpenApiResponse]:
    """Return the API's responses for ``causes``, by status.

    Args:
        causes: exceptions that a view may raise; those with the same status must be adjacent.
        handler: the API's exception handler.
        bodies: the serializer of the error body, by exception class.
        otherwise: the serializer of all other error bodies.
    """
    known: Bodies = {Exception: otherwise, **bodies}
    responses = [(handler(cause, {}), _serializer_for(type(cause), known)) for cause in causes]
    return {
        status: _response([(json.loads(response.content), each) for response, each in same])
        for status, same in groupby(responses, key=lambda pair: pair[0].status_code)
    }


def validation_errors(
    serializer: SerializerClass, path: str = ""
) -> Iterator[exceptions.ValidationError]:
    """Yield an error for each message of the fields of ``serializer`` that is not DRF's own."""
    for name, field in serializer().fields.items():
        yield from _own_messages(field, path + name)
        child = getattr(field, "child", None)
        if isinstance(child, serializers.Serializer):
            yield from _own_messages(child, f"{path}{name}.0")
            yield from validation_errors(type(child), f"{path}{name}.0.")


def _own_messages(field: serializers.Field[Any, Any, Any, Any], path: str) -> Iterator[Any]:
    inherited = {
        message
        for each in type(field).__mro__
        if each.__module__.startswith("rest_framework.")
        for message in getattr(each, "default_error_messages", {}).values()
    }
    for message in dict.fromkeys(field.error_messages.values()):
        if message not in inherited:
            yield exceptions.ValidationError({path: [message]})


def load_examples(file: str) -> dict[str, Any]:
    """Return the examples by operation from the ``examples.json`` next to ``file``."""
    examples: dict[str, Any] = json.loads(Path(file).with_name("examples.json").read_text())
    return examples


def _serializer_for(cause: type[Exception], known: Bodies) -> SerializerClass:
    return next(known[each] for each in cause.__mro__ if each in known)


def _response(
    errors: list[tuple[dict[str, Any], SerializerClass]],
) -> OpenApiResponse:
    classes = _without_subclasses({serializer for _, serializer in errors})
    sentences = [(body.get("message", body["error"]), body) for body, _ in errors]
    return OpenApiResponse(
        classes[0] if len(classes) == 1 else _any_of(classes),
        description="; ".join(sentence for sentence, _ in sentences),
        examples=[OpenApiExample(sentence, value=body) for sentence, body in sentences],
    )


def _without_subclasses(classes: set[SerializerClass]) -> list[SerializerClass]:
    # A body that matches a subclass also matches its base class.
    bases = [each for each in classes if not classes & set(each.__mro__[1:])]
    # Generated clients use the first schema that fits, so those with more fields come first.
    return sorted(bases, key=lambda each: (-len(each().fields), each.__name__))


def allow_several_matches(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Let an error response match several schemas: some bodies have the fields of another, too."""
    for schema in result["components"]["schemas"].values():
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")
    return result


def _any_of(classes: list[SerializerClass]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name="Or".join(each.__name__ for each in classes),
        serializers=classes,
        resource_type_field_name=None,
    )
