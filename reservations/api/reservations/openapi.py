"""The OpenAPI descriptions of the reservations API."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from reservations import errors
from reservations.api.openapi import (
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    INVALID_KEY,
    MALFORMED,
    NOT_MODIFIED,
    POST_REFUSALS,
    location,
    not_on_sale,
    path_parameter,
    refusals,
)
from reservations.api.openapi_access import NO_KEY, needs
from reservations.api.openapi_responses import load_examples, named, success, validation_errors
from reservations.api.reservations.exceptions import InvalidReservationId
from reservations.api.reservations.serializers import (
    ReservationRequest,
    ReservedSerializer,
    SummarySerializer,
)
from reservations.api.serializers import ReservationSerializer
from reservations.models import DEFAULT_EVENT, Scope

_TAGS = ["Reservations"]
_MOUNTS = ["/", "/api", "/api/demo"]
_EXAMPLES = load_examples(__file__)
_ID = path_parameter(
    "reservation_id",
    UUID,
    description="As returned by POST /reservations",
    example=_EXAMPLES["getReservation"]["The reservation"]["reservationId"],
)
_UNKNOWN_EVENT = errors.EventNotFound("")

SUMMARY = extend_schema(
    operation_id="getSummary",
    summary="Get the summary of an event",
    description="Returns committed values. An expired hold counts as held until it is released, "
    "usually within seconds. `version` increases by one with every change to the event.",
    tags=_TAGS,
    parameters=[
        OpenApiParameter("eventId", default=DEFAULT_EVENT, description="The id of the event"),
        *IF_NONE_MATCH,
        *HEADERS,
    ],
    responses={
        200: success(SummarySerializer, "The summary of the event", _EXAMPLES["getSummary"]),
        **NOT_MODIFIED,
        **refusals(*NO_KEY, _UNKNOWN_EVENT, errors.Busy()),
    },
)

RESERVE = extend_schema(
    operation_id="reserve",
    summary="Reserve seats",
    description=(
        "Sells seats of one event. With `holdSeconds`, holds them for that many seconds instead; a "
        "hold that is not confirmed in time expires and returns its seats. 201 means that the "
        "seats are sold or held. 400, 404, 409, 412, 413, 415, 422 and 503 `busy` guarantee that "
        "nothing was reserved. 409 `not_enough_seats` is final; after `sales_paused` or "
        "`not_on_sale`, the same request may succeed later; after a 503, retry with the same "
        "`Idempotency-Key`. Unknown fields are ignored. The body is at most 64 KiB of UTF-8. No "
        "object in it may have a key twice."
    ),
    tags=_TAGS,
    parameters=[
        OpenApiParameter(
            "If-Match",
            location="header",
            description="Refuse the request unless the event has this `ETag` after its expired "
            "holds have been released",
        ),
        *IDEMPOTENCY_KEY,
        *HEADERS,
        location("the reservation"),
    ],
    request=ReservationRequest,
    examples=named(_EXAMPLES["reserve"]["request"], request_only=True),
    responses={
        201: success(
            ReservedSerializer, "The seats are sold or held", _EXAMPLES["reserve"]["response"]
        ),
        **refusals(
            *validation_errors(ReservationRequest),
            *MALFORMED,
            *INVALID_KEY,
            *NO_KEY,
            *needs(Scope.SELL),
            errors.ForeignPartner(),
            _UNKNOWN_EVENT,
            *not_on_sale(DEFAULT_EVENT),
            errors.NotEnoughSeats(requested=3, available_seats=2),
            errors.VersionConflict(version=15),
            errors.PreconditionFailed(version=15),
            *POST_REFUSALS,
        ),
    },
)

RETRIEVE = extend_schema(
    operation_id="getReservation",
    summary="Get a reservation",
    description="An expired hold may still be shown as held for a few seconds. The id of a "
    "booking's item returns 404.",
    tags=_TAGS,
    parameters=[_ID, *HEADERS],
    responses={
        200: success(
            ReservationSerializer,
            "The reservation, whatever its status",
            _EXAMPLES["getReservation"],
        ),
        **refusals(
            InvalidReservationId(),
            *NO_KEY,
            *needs(Scope.READ),
            errors.ReservationNotFound(),
            errors.Busy(),
        ),
    },
)

CONFIRM = extend_schema(
    operation_id="confirmReservation",
    summary="Confirm a held reservation",
    description="Confirming a confirmed reservation returns 200 and changes nothing. Whether a "
    "hold has expired is decided by the database's clock when the request is processed. No body "
    "is needed; `null` counts as none.",
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
            *INVALID_KEY,
            *NO_KEY,
            *needs(Scope.SELL),
            errors.ReservationNotFound(),
            errors.HoldExpired(),
            *POST_REFUSALS,
        ),
    },
)

CANCEL = extend_schema(
    operation_id="cancelReservation",
    summary="Cancel a reservation and return its seats",
    description="Cancels a held or confirmed reservation. Of several concurrent requests, exactly "
    "one gets 204.",
    tags=_TAGS,
    parameters=[_ID, *HEADERS],
    responses={
        204: OpenApiResponse(description="Cancelled; no body"),
        **refusals(
            InvalidReservationId(),
            *NO_KEY,
            *needs(Scope.SELL),
            errors.ReservationNotFound(),
            errors.Busy(),
            errors.OutcomeUnknown(),
        ),
    },
)


def add_links_and_mounts(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what ``extend_schema`` cannot express: links from a new reservation, and the mounts."""
    paths = {path: item for path, item in result["paths"].items() if path.startswith("/res")}
    for operations in paths.values():
        for operation in operations.values():
            operation["servers"] = [{"url": mount} for mount in _MOUNTS]
    parameters = {"reservation_id": "$response.body#/reservationId"}
    paths["/reservations"]["post"]["responses"]["201"]["links"] = {
        target: {"operationId": target, "parameters": parameters}
        for target in ("getReservation", "confirmReservation", "cancelReservation")
    }
    return result
