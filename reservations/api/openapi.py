"""What the OpenAPI document says beyond the fields of each body.

Messages and answers are derived: from the serializers' own ``error_messages``, and by the handlers
that answer the real requests.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
)
from rest_framework import exceptions, serializers

from reservations import errors
from reservations.api.exceptions import exception_handler
from reservations.api.idempotency import KEY_PATTERN, InvalidKey
from reservations.api.parsers import JSONObjectParser, PayloadTooLarge

Endpoint = tuple[str, str, str, Callable[..., Any]]


class Error(serializers.Serializer[Any]):
    """A refusal."""

    error = serializers.CharField(help_text="A sentence for people")
    code = serializers.CharField(help_text="A name to program against")


class Fault(serializers.Serializer[Any]):
    """One thing that is wrong with a body."""

    path = serializers.CharField(help_text="The field, or empty for the body as a whole")
    message = serializers.CharField()


class Invalid(Error):
    """A refused body, with all its faults."""

    details = Fault(many=True)


class VersionConflict(Error):
    """The event is not what the client believes."""

    version = serializers.IntegerField(help_text="That of the event now")


class NotEnoughSeats(Error):
    """A final denial, and the figures it rests on."""

    requested = serializers.IntegerField()
    availableSeats = serializers.IntegerField()


Form = type[serializers.Serializer[Any]]
Bodies = Mapping[type[Exception], Form]

_BODIES: Bodies = {
    errors.VersionConflict: VersionConflict,
    errors.PreconditionFailed: VersionConflict,
    errors.NotEnoughSeats: NotEnoughSeats,
    exceptions.ValidationError: Invalid,
    exceptions.ParseError: Invalid,
}

HEADERS = [
    OpenApiParameter(
        "X-Request-ID",
        location="header",
        description="An id of yours for this request, 1 to 128 of letters, digits, `.`, `_`, `-`; "
        "any other is replaced by a new one",
    ),
    OpenApiParameter(
        "X-Request-ID",
        location="header",
        response=True,
        required=True,
        description="The id of the request: the one that was sent, or a new one",
    ),
    OpenApiParameter(
        "Retry-After",
        type=int,
        location="header",
        response=[503],
        required=True,
        description="Seconds to wait before the next try",
    ),
]
"""Those of every operation."""


IDEMPOTENCY_KEY = [
    OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "pattern": KEY_PATTERN},
        location="header",
        description="A name of yours for this request, 1 to 255 printable characters of ASCII, "
        "bare or as a quoted string. Sent again with the same path and JSON it has the same "
        "answer and no second effect, for at least 24 hours; with others it is refused. Answers "
        "400, 404, 412, `version_conflict` and 503 are not remembered",
    ),
    OpenApiParameter(
        "Idempotent-Replayed",
        location="header",
        response=True,
        description="`true` if this is the answer to an earlier request with the same key",
    ),
]
"""Those of every POST."""

IF_NONE_MATCH = [
    OpenApiParameter(
        "If-None-Match", location="header", description="Tags that the client has already"
    ),
    OpenApiParameter(
        "ETag",
        location="header",
        response=[200, 304],
        required=True,
        description='`"<event id>-<version>"`, strong',
    ),
]
KEY_FAULTS = [InvalidKey(fault) for fault in InvalidKey.FAULTS]
MALFORMED = [
    exceptions.ParseError(JSONObjectParser.error_messages[name])
    for name in ("invalid", "not_an_object", "incomplete")
]
POST_REFUSALS = [
    PayloadTooLarge(),
    exceptions.UnsupportedMediaType("text/plain"),
    exceptions.UnsupportedMediaType("", detail=JSONObjectParser.error_messages["compressed"]),
    errors.IdempotencyKeyReused(),
    errors.Busy(),
    errors.OutcomeUnknown(),
]
"""What any POST may be answered, whatever it asks for."""

NOT_MODIFIED = {304: OpenApiResponse(description="The client has it already; no body")}


def success(form: Any, description: str, examples: Mapping[str, Any]) -> OpenApiResponse:
    """Return an answer in ``form``, with ``examples`` by name."""
    return OpenApiResponse(form, description=description, examples=named(examples))


def named(examples: Mapping[str, Any], **options: Any) -> list[OpenApiExample]:
    """Return ``examples``, which are by name."""
    return [OpenApiExample(name, value=value, **options) for name, value in examples.items()]


def location(what: str) -> OpenApiParameter:
    """Return the header of an answer that made something."""
    return OpenApiParameter(
        "Location", location="header", response=[201], required=True, description=f"Path of {what}"
    )


def refusals(
    *causes: Exception,
    handler: Callable[[Exception, dict[str, Any]], HttpResponse] = exception_handler,
    bodies: Bodies = _BODIES,
    otherwise: Form = Error,
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


def faults(serializer: Form, path: str = "") -> Iterator[exceptions.ValidationError]:
    """Yield a refusal for each message that the fields of ``serializer`` have of their own."""
    for name, field in serializer().fields.items():
        yield from _faults(field, path + name)
        child = getattr(field, "child", None)
        if isinstance(child, serializers.Serializer):
            yield from _faults(child, f"{path}{name}.0")
            yield from faults(type(child), f"{path}{name}.0.")


def _faults(field: serializers.Field[Any, Any, Any, Any], path: str) -> Iterator[Any]:
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


def choose_one_mount(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Keep each route once, without the optional slash at its end."""
    return [
        (path.rstrip("/") or "/", regex, method, view)
        for path, regex, method, view in endpoints
        if path.startswith("/api/v1/") or not path.startswith("/api/")
    ]
