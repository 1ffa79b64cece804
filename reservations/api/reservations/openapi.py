"""What the OpenAPI document says of the reservations family."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions

from reservations import errors
from reservations.api.body import PayloadTooLarge
from reservations.api.openapi import HEADERS, refusals
from reservations.api.reservations.serializers import (
    EventId,
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
]
_MALFORMED = [
    "Request body must be valid JSON in UTF-8",
    "Request body must be a JSON object",
    "Request body ended before its Content-Length",
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
        **refusals(_UNKNOWN_EVENT, errors.Busy()),
    },
)

RESERVE = extend_schema(
    operation_id="reserve",
    summary="Reserve seats",
    description=(
        "The seats are sold when the answer is 201, and certainly not when it is 400, 404, 409, "
        "413, 415 or 503 `busy`. 409 is final; 503 is worth another try. Unknown fields are "
        "ignored. The body is at most 64 KiB of UTF-8."
    ),
    tags=_TAGS,
    parameters=[
        *HEADERS,
        OpenApiParameter(
            "Location",
            location="header",
            response=[201],
            required=True,
            description="Path of the reservation",
        ),
    ],
    request=ReservationRequest,
    examples=[
        OpenApiExample("seats", value={"partnerId": "abc-corp", "seats": 3}, request_only=True)
    ],
    responses={
        201: OpenApiResponse(
            ReservedSerializer,
            description="The seats are yours",
            examples=[
                OpenApiExample(
                    "reserved", value={"reservationId": _UUID, "seats": 3, "status": "confirmed"}
                )
            ],
        ),
        **refusals(
            *(exceptions.ValidationError({field: [text]}) for field, text in _FAULTS),
            *map(exceptions.ParseError, _MALFORMED),
            _UNKNOWN_EVENT,
            errors.NotEnoughSeats(requested=3, available_seats=2),
            PayloadTooLarge(),
            exceptions.UnsupportedMediaType("text/plain"),
            exceptions.UnsupportedMediaType("", detail="Request body must not be compressed"),
            errors.Busy(),
            errors.OutcomeUnknown(),
        ),
    },
)

RETRIEVE = extend_schema(
    operation_id="getReservation",
    summary="A reservation",
    tags=_TAGS,
    parameters=[_ID, *HEADERS],
    responses={
        200: OpenApiResponse(
            ReservationSerializer,
            description="The reservation, whatever its status",
            examples=[
                OpenApiExample(
                    "reservation",
                    value={
                        "reservationId": _UUID,
                        "eventId": DEFAULT_EVENT,
                        "partnerId": "abc-corp",
                        "seats": 3,
                        "status": "confirmed",
                        "createdAt": "2026-11-21T13:26:48.053561Z",
                        "expiresAt": None,
                    },
                )
            ],
        ),
        **refusals(InvalidReservationId(), errors.ReservationNotFound(), errors.Busy()),
    },
)

CANCEL = extend_schema(
    operation_id="cancelReservation",
    summary="Cancel a reservation and return its seats",
    description="Of several at the same moment, exactly one is answered with 204.",
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
    family["/reservations"]["post"]["responses"]["201"]["links"] = {
        target: {
            "operationId": target,
            "parameters": {"reservation_id": "$response.body#/reservationId"},
        }
        for target in ("getReservation", "cancelReservation")
    }
    return result
