"""What the OpenAPI document says of the reservations family."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from reservations import errors
from reservations.api.openapi import (
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    KEY_FAULTS,
    MALFORMED,
    NOT_MODIFIED,
    POST_REFUSALS,
    location,
    refusals,
)
from reservations.api.openapi_responses import load_examples, named, success, validation_errors
from reservations.api.reservations.exceptions import InvalidReservationId
from reservations.api.reservations.serializers import (
    ReservationRequest,
    ReservationSerializer,
    ReservedSerializer,
    SummarySerializer,
)
from reservations.models import DEFAULT_EVENT

_TAGS = ["Reservations"]
_MOUNTS = ["/", "/api", "/api/demo"]
_EXAMPLES = load_examples(__file__)
_ID = OpenApiParameter(
    "reservation_id", UUID, "path", description="As POST /reservations answered it"
)
_UNKNOWN_EVENT = errors.EventNotFound("")

SUMMARY = extend_schema(
    operation_id="getSummary",
    summary="Figures of an event",
    description="Committed figures; `version` goes up by one with every change to the event.",
    tags=_TAGS,
    parameters=[
        OpenApiParameter(
            "eventId", default=DEFAULT_EVENT, description="The event; the default one if not given"
        ),
        *IF_NONE_MATCH,
        *HEADERS,
    ],
    responses={
        200: success(SummarySerializer, "The event's figures", _EXAMPLES["getSummary"]),
        **NOT_MODIFIED,
        **refusals(_UNKNOWN_EVENT, errors.Busy()),
    },
)

RESERVE = extend_schema(
    operation_id="reserve",
    summary="Reserve seats",
    description=(
        "The seats are yours when the answer is 201, and certainly not when it is 400, 404, 409, "
        "412, 413, 415, 422 or 503 `busy`. 409 `not_enough_seats` is final; 503 is worth another "
        "try. With `holdSeconds` they are held for so long, until they are confirmed. Unknown "
        "fields are ignored. The body is at most 64 KiB of UTF-8."
    ),
    tags=_TAGS,
    parameters=[
        OpenApiParameter(
            "If-Match",
            location="header",
            description="Refuse, unless the event has this `ETag` once expired holds are released",
        ),
        *IDEMPOTENCY_KEY,
        *HEADERS,
        location("the reservation"),
    ],
    request=ReservationRequest,
    examples=named(_EXAMPLES["reserve"]["request"], request_only=True),
    responses={
        201: success(ReservedSerializer, "The seats are yours", _EXAMPLES["reserve"]["answer"]),
        **refusals(
            *validation_errors(ReservationRequest),
            *MALFORMED,
            *KEY_FAULTS,
            _UNKNOWN_EVENT,
            errors.NotEnoughSeats(requested=3, available_seats=2),
            errors.VersionConflict(version=15),
            errors.PreconditionFailed(version=15),
            *POST_REFUSALS,
        ),
    },
)

RETRIEVE = extend_schema(
    operation_id="getReservation",
    summary="A reservation",
    description="Reads never look at the clock: a hold that nobody has asked about since it "
    "expired may be shown as held for a few seconds more. An item of a booking is not found here.",
    tags=_TAGS,
    parameters=[_ID, *HEADERS],
    responses={
        200: success(
            ReservationSerializer,
            "The reservation, whatever its status",
            _EXAMPLES["getReservation"],
        ),
        **refusals(InvalidReservationId(), errors.ReservationNotFound(), errors.Busy()),
    },
)

CONFIRM = extend_schema(
    operation_id="confirmReservation",
    summary="Confirm a held reservation",
    description="One that is confirmed already stays so. Whether a hold has expired is decided by "
    "the database's clock, once its event is locked. No body is needed.",
    tags=_TAGS,
    parameters=[_ID, *IDEMPOTENCY_KEY, *HEADERS],
    request=None,
    responses={
        200: success(
            ReservationSerializer, "The reservation is confirmed", _EXAMPLES["confirmReservation"]
        ),
        **refusals(
            InvalidReservationId(),
            *MALFORMED,
            *KEY_FAULTS,
            errors.ReservationNotFound(),
            errors.HoldExpired(),
            *POST_REFUSALS,
        ),
    },
)

CANCEL = extend_schema(
    operation_id="cancelReservation",
    summary="Cancel a reservation and return its seats",
    description="Held or confirmed. Of several at the same moment, exactly one gets 204.",
    tags=_TAGS,
    parameters=[_ID, *HEADERS],
    responses={
        204: OpenApiResponse(description="Cancelled; no body"),
        **refusals(
            InvalidReservationId(),
            errors.ReservationNotFound(),
            errors.Busy(),
            errors.OutcomeUnknown(),
        ),
    },
)


def add_links_and_mounts(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what ``extend_schema`` cannot say: what to do with a new id, and the other mounts."""
    family = {path: item for path, item in result["paths"].items() if path.startswith("/res")}
    for operations in family.values():
        for operation in operations.values():
            operation["servers"] = [{"url": mount} for mount in _MOUNTS]
    parameters = {"reservation_id": "$response.body#/reservationId"}
    family["/reservations"]["post"]["responses"]["201"]["links"] = {
        target: {"operationId": target, "parameters": parameters}
        for target in ("getReservation", "confirmReservation", "cancelReservation")
    }
    return result
