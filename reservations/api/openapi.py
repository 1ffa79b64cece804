"""The parts of the OpenAPI document that both APIs share."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import exceptions, serializers

from reservations import errors
from reservations.api import openapi_responses
from reservations.api.error_details import MAX_DETAILS
from reservations.api.exceptions import exception_handler
from reservations.api.idempotency import KEY_PATTERN, InvalidKey
from reservations.api.parsers import JSONObjectParser, PayloadTooLarge
from reservations.api.strict_json import DuplicateKey, TooDeep, TooManyValues

Endpoint = tuple[str, str, str, Callable[..., Any]]

MORE = f"The number of errors that are not in `details`, which lists at most {MAX_DETAILS}"


OPENS_AT = "When sales open, or null if no time is set"
CLOSES_AT = "When sales close, or null if no time is set"


class Error(serializers.Serializer[Any]):
    __doc__ = "An error response."

    error = serializers.CharField(help_text="A human-readable message")
    code = serializers.CharField(help_text="A machine-readable error code")


class Fault(serializers.Serializer[Any]):
    __doc__ = "One validation error."

    path = serializers.CharField(
        help_text="The field, for example `items.0.quantity`, the query parameter or the header; "
        "empty for the body itself"
    )
    message = serializers.CharField()


class Invalid(Error):
    __doc__ = "A validation error response that lists all errors, at most 50."

    details = Fault(many=True)
    more = serializers.IntegerField(required=False, min_value=1, help_text=MORE)


class VersionConflict(Error):
    __doc__ = "The event does not have the version that the client expects."

    version = serializers.IntegerField(help_text="The current version of the event")


class NotEnoughSeats(Error):
    __doc__ = "Too few seats are available; this refusal is final."

    requested = serializers.IntegerField()
    availableSeats = serializers.IntegerField()


class SalesPaused(Error):
    __doc__ = "The sales of the event are paused."


class NotOnSale(Error):
    __doc__ = "The sales of the event have not opened yet, or are closed."

    opensAt = serializers.DateTimeField(allow_null=True, help_text=OPENS_AT)
    closesAt = serializers.DateTimeField(allow_null=True, help_text=CLOSES_AT)


class ScopeMissing(Error):
    __doc__ = "The key does not have the scope for this request."

    scope = serializers.CharField(help_text="The scope that is needed")


refusals = partial(
    openapi_responses.refusals,
    handler=exception_handler,
    bodies={
        errors.VersionConflict: VersionConflict,
        errors.PreconditionFailed: VersionConflict,
        errors.NotEnoughSeats: NotEnoughSeats,
        errors.SalesPaused: SalesPaused,
        errors.NotOnSale: NotOnSale,
        errors.ScopeMissing: ScopeMissing,
        exceptions.ValidationError: Invalid,
        exceptions.ParseError: Invalid,
    },
    otherwise=Error,
)

HEADERS = [
    OpenApiParameter(
        "X-Request-ID",
        location="header",
        description="An id for this request: 1 to 128 letters, digits, `.`, `_` or `-`. Any other "
        "value is replaced with a new id.",
    ),
    OpenApiParameter(
        "X-Request-ID",
        location="header",
        response=True,
        required=True,
        description="The id of the request: the one that the client sent, or a new one",
    ),
    OpenApiParameter(
        "WWW-Authenticate",
        location="header",
        response=[401],
        required=True,
        description="How to authenticate (RFC 6750)",
    ),
    OpenApiParameter(
        "Retry-After",
        type=int,
        location="header",
        response=[503],
        required=True,
        description="Seconds to wait before retrying",
    ),
]
"""Headers of every operation."""


IDEMPOTENCY_KEY = [
    OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "pattern": KEY_PATTERN},
        location="header",
        description="A key chosen by the client: 1 to 255 printable ASCII characters, unquoted or "
        "as a quoted string. Success responses, and 409 responses other than `version_conflict`, "
        "`sales_paused` and `not_on_sale`, are stored for at least 24 hours: another request with "
        "the same key, path and JSON gets the stored response and has no second effect. With "
        "another path or other JSON, a stored key gets 422. After any other response, a repeated "
        "request is processed again.",
    ),
    OpenApiParameter(
        "Idempotent-Replayed",
        location="header",
        response=True,
        description="`true` if this is the stored response to an earlier request with the same key",
    ),
]
"""Headers of every POST."""

IF_NONE_MATCH = [
    OpenApiParameter(
        "If-None-Match", location="header", description="ETags that the client already has"
    ),
    OpenApiParameter(
        "ETag",
        location="header",
        response=[200, 304],
        required=True,
        description='A strong ETag: `"<event id>-<version>"`',
    ),
]
INVALID_KEY = [InvalidKey(message) for message in InvalidKey.MESSAGES]
MALFORMED = [
    exceptions.ParseError(JSONObjectParser.error_messages[name])
    for name in ("invalid", "not_an_object", "incomplete")
] + [
    exceptions.ParseError(str(unacceptable))
    for unacceptable in (DuplicateKey("seats"), TooDeep(), TooManyValues())
]
POST_REFUSALS = [
    PayloadTooLarge(),
    exceptions.UnsupportedMediaType("text/plain"),
    exceptions.UnsupportedMediaType("", detail=JSONObjectParser.error_messages["compressed"]),
    errors.IdempotencyKeyReused(),
    errors.Busy(),
    errors.OutcomeUnknown(),
]
"""Errors that every POST can return."""


def not_on_sale(event: str) -> list[errors.Refusal]:
    """Return the refusals of a request for seats of an event that is not on sale."""
    opens_at = datetime(2027, 1, 31, 20, tzinfo=UTC)
    return [errors.SalesPaused(event), errors.NotOnSale(event, opens_at, None)]


NOT_MODIFIED = {304: OpenApiResponse(description="The event has not changed; no body")}


def path_parameter(name: str, type_: type, *, description: str, example: str) -> OpenApiParameter:
    """Return a parameter in the path. Swagger UI fills in its example."""
    return OpenApiParameter(
        name,
        type_,
        OpenApiParameter.PATH,
        description=description,
        examples=[OpenApiExample("An id", value=example)],
    )


def location(what: str) -> OpenApiParameter:
    """Return the ``Location`` header of a 201 response."""
    return OpenApiParameter(
        "Location", location="header", response=[201], required=True, description=f"Path of {what}"
    )


def drop_duplicate_mounts(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Drop the routes of the other mounts, documented as servers; strip trailing slashes."""
    return [
        (path.rstrip("/") or "/", regex, method, view)
        for path, regex, method, view in endpoints
        if path.startswith("/api/v1/") or not path.startswith("/api/")
    ]
