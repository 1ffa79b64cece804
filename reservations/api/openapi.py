"""What the operations of both families share in the OpenAPI document."""

from collections.abc import Callable
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import exceptions, serializers

from reservations import errors
from reservations.api import openapi_responses
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


refusals = partial(
    openapi_responses.refusals,
    handler=exception_handler,
    bodies={
        errors.VersionConflict: VersionConflict,
        errors.PreconditionFailed: VersionConflict,
        errors.NotEnoughSeats: NotEnoughSeats,
        exceptions.ValidationError: Invalid,
        exceptions.ParseError: Invalid,
    },
    otherwise=Error,
)

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


def location(what: str) -> OpenApiParameter:
    """Return the header of an answer that made something."""
    return OpenApiParameter(
        "Location", location="header", response=[201], required=True, description=f"Path of {what}"
    )


def drop_duplicate_mounts(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Keep each route once, without the optional slash at its end."""
    return [
        (path.rstrip("/") or "/", regex, method, view)
        for path, regex, method, view in endpoints
        if path.startswith("/api/v1/") or not path.startswith("/api/")
    ]
