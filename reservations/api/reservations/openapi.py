"""What the OpenAPI document says of the reservations family."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions

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
from reservations.api.reservations.serializers import (
    EventId,
    ExpectedVersion,
    HoldSeconds,
    InvalidReservationId,
    PartnerId,
    ReservationRequest,
    ReservationSerializer,
    ReservedSerializer,
    Seats,
    SummarySerializer,
)
from reservations.models import DEFAULT_EVENT

_TAGS = ["Reservations"]
_MOUNTS = ["/", "/api", "/api/demo"]
_UUID = "01a1fe49-bd0f-71b7-80a6-fc318d83eb81"
_ID = OpenApiParameter(
    "reservation_id", UUID, "path", description="As POST /reservations answered it"
)
_FAULTS = [
    ("seats", Seats.default_error_messages["too_few"]),
    ("seats", Seats.default_error_messages["too_many"]),
    ("seats", Seats.default_error_messages["invalid"]),
    ("partnerId", PartnerId.default_error_messages["required"]),
    ("partnerId", PartnerId.default_error_messages["invalid"]),
    ("partnerId", PartnerId.default_error_messages["too_long"]),
    ("partnerId", PartnerId.default_error_messages["unprintable"]),
    ("eventId", EventId.default_error_messages["invalid"]),
    ("holdSeconds", HoldSeconds.default_error_messages["invalid"]),
    ("holdSeconds", HoldSeconds.default_error_messages["too_few"]),
    ("holdSeconds", HoldSeconds.default_error_messages["too_many"]),
    ("expectedVersion", ExpectedVersion.default_error_messages["invalid"]),
]
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
        200: OpenApiResponse(
            SummarySerializer,
            description="The event's figures",
            examples=[
                OpenApiExample(
                    "summary",
                    value={
                        "eventId": DEFAULT_EVENT,
                        "name": "Node.js Meet-up",
                        "totalSeats": 500,
                        "availableSeats": 42,
                        "reservationCount": 17,
                        "version": 31,
                    },
                )
            ],
        ),
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
    examples=[
        OpenApiExample("seats", value={"partnerId": "abc-corp", "seats": 3}, request_only=True),
        OpenApiExample(
            "hold",
            value={"partnerId": "abc-corp", "seats": 3, "holdSeconds": 300},
            request_only=True,
        ),
    ],
    responses={
        201: OpenApiResponse(
            ReservedSerializer,
            description="The seats are yours",
            examples=[
                OpenApiExample(
                    "reserved", value={"reservationId": _UUID, "seats": 3, "status": "confirmed"}
                ),
                OpenApiExample(
                    "held",
                    value={
                        "reservationId": _UUID,
                        "seats": 3,
                        "status": "held",
                        "expiresAt": "2026-11-21T13:31:48.053561Z",
                    },
                ),
            ],
        ),
        **refusals(
            *(exceptions.ValidationError({field: [text]}) for field, text in _FAULTS),
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

_RESERVATION = {
    "reservationId": _UUID,
    "eventId": DEFAULT_EVENT,
    "partnerId": "abc-corp",
    "seats": 3,
    "status": "confirmed",
    "createdAt": "2026-11-21T13:26:48.053561Z",
    "expiresAt": None,
}

RETRIEVE = extend_schema(
    operation_id="getReservation",
    summary="A reservation",
    description="Reads never look at the clock: a hold that nobody has asked about since it "
    "expired may be shown as held for a few seconds more. An item of a booking is not found here.",
    tags=_TAGS,
    parameters=[_ID, *HEADERS],
    responses={
        200: OpenApiResponse(
            ReservationSerializer,
            description="The reservation, whatever its status",
            examples=[OpenApiExample("reservation", value=_RESERVATION)],
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
        200: OpenApiResponse(
            ReservationSerializer,
            description="The reservation is confirmed",
            examples=[OpenApiExample("confirmed", value=_RESERVATION)],
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


def link_and_mount(result: dict[str, Any], **_: Any) -> dict[str, Any]:
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
