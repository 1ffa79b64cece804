"""Makes the answers of the OpenAPI document.

They are derived: messages from the serializers' own ``error_messages``, refusals by the handlers
that answer the real requests. Examples of successes are in the ``examples.json`` of each family.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer
from rest_framework import exceptions, serializers

Form = type[serializers.Serializer[Any]]
Bodies = Mapping[type[Exception], Form]


def success(form: Any, description: str, examples: Mapping[str, Any]) -> OpenApiResponse:
    """Return an answer in ``form``, with ``examples`` by name."""
    return OpenApiResponse(form, description=description, examples=named(examples))


def named(examples: Mapping[str, Any], **options: Any) -> list[OpenApiExample]:
    """Return ``examples``, which are by name."""
    return [OpenApiExample(name, value=value, **options) for name, value in examples.items()]


def refusals(
    *causes: Exception,
    handler: Callable[[Exception, dict[str, Any]], HttpResponse],
    bodies: Bodies,
    otherwise: Form,
) -> dict[int, OpenApiResponse]:
    """Return, by its status, how the API answers ``causes``; those of one status in a row.

    Args:
        causes: what a view may raise.
        handler: what answers it.
        bodies: the form of its body, by class.
        otherwise: the form of all other bodies.
    """
    known: Bodies = {Exception: otherwise, **bodies}
    answers = [(handler(cause, {}), _form(type(cause), known)) for cause in causes]
    return {
        status: _response([(json.loads(answer.content), form) for answer, form in same])
        for status, same in groupby(answers, key=lambda pair: pair[0].status_code)
    }


def validation_errors(serializer: Form, path: str = "") -> Iterator[exceptions.ValidationError]:
    """Yield a refusal for each message that the fields of ``serializer`` have of their own."""
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
    """Return what ``examples.json`` beside ``file`` has for each operation."""
    examples: dict[str, Any] = json.loads(Path(file).with_name("examples.json").read_text())
    return examples


def _form(cause: type[Exception], known: Bodies) -> Form:
    return next(known[each] for each in cause.__mro__ if each in known)


def _response(
    refused: list[tuple[dict[str, Any], Form]],
) -> OpenApiResponse:
    forms = _without_special_cases({form for _, form in refused})
    sentences = [(body.get("message", body["error"]), body) for body, _ in refused]
    return OpenApiResponse(
        forms[0] if len(forms) == 1 else _one_of(forms),
        description="; ".join(sentence for sentence, _ in sentences),
        examples=[OpenApiExample(sentence, value=body) for sentence, body in sentences],
    )


def _without_special_cases(forms: set[Form]) -> list[Form]:
    # What fits a form fits the one that it extends, too: not exactly one of both.
    general = [form for form in forms if not forms & set(form.__mro__[1:])]
    return sorted(general, key=lambda form: form.__name__)


def _one_of(forms: list[Form]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name="Or".join(form.__name__ for form in forms),
        serializers=forms,
        resource_type_field_name=None,
    )
