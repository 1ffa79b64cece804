"""What the OpenAPI document says beyond the fields of each body."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import exceptions, serializers

from reservations import errors
from reservations.api.errors import handle

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


class NotEnoughSeats(Error):
    """A final denial, and the figures it rests on."""

    requested = serializers.IntegerField()
    availableSeats = serializers.IntegerField()


_BODIES: dict[type[Exception], type[Error]] = {
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


def refusals(*causes: Exception) -> dict[int, OpenApiResponse]:
    """Return, by its status, how the API answers ``causes``; those of one status in a row."""
    answers = [(handle(cause, {}), cause) for cause in causes]
    return {
        status: _response([(answer.data, type(cause)) for answer, cause in same])
        for status, same in groupby(answers, key=lambda pair: pair[0].status_code)
    }


def _response(refused: list[tuple[dict[str, Any], type[Exception]]]) -> OpenApiResponse:
    return OpenApiResponse(
        _BODIES.get(refused[0][1], Error),
        description="; ".join(body["error"] for body, _ in refused),
        examples=[OpenApiExample(body["error"], value=body) for body, _ in refused],
    )


def choose_one_mount(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Keep each route once, without the optional slash at its end."""
    return [
        (path.rstrip("/") or "/", regex, method, view)
        for path, regex, method, view in endpoints
        if not path.startswith("/api/")
    ]
