"""What the OpenAPI document says of the bookings family."""

from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import exceptions, serializers

from reservations import errors
from reservations.api import openapi, openapi_responses
from reservations.api.openapi import (
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    KEY_FAULTS,
    MALFORMED,
    NOT_MODIFIED,
    POST_REFUSALS,
    location,
)
from reservations.api.openapi_responses import load_examples, named, success, validation_errors
from reservations.api.v1.exceptions import exception_handler
from reservations.api.v1.pagination import PageQuery, Pagination
from reservations.api.v1.serializers import (
    BookingRequest,
    BookingSerializer,
    BookingsQuery,
    ChangeSerializer,
    ChangesQuery,
    EventSerializer,
)
from reservations.models import DEFAULT_EVENT


class V1Error(serializers.Serializer[Any]):
    """A refusal."""

    error = serializers.CharField(help_text="A name to program against")
    message = serializers.CharField(help_text="A sentence for people")


class V1Invalid(V1Error):
    """A refused body, query string or header, with all its faults."""

    details = openapi.Fault(many=True)


class UnknownEvent(V1Error):
    """There is no such event."""

    eventId = serializers.CharField(help_text="The first in the order of the request")


class ShortItem(serializers.Serializer[Any]):
    """An item that cannot be had."""

    eventId = serializers.CharField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()


class InsufficientSeats(V1Error):
    """A final denial: the first short item, and all of them."""

    eventId = serializers.CharField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()
    items = ShortItem(many=True)


refusals = partial(
    openapi_responses.refusals,
    handler=exception_handler,
    bodies={
        errors.EventNotFound: UnknownEvent,
        errors.InsufficientSeats: InsufficientSeats,
        exceptions.ValidationError: V1Invalid,
        exceptions.ParseError: V1Invalid,
    },
    otherwise=V1Error,
)


_EVENTS, _BOOKINGS = ["Events"], ["Bookings"]
_EVENT_ID = OpenApiParameter("event_id", str, "path", description="As GET /api/v1/events shows it")
_BOOKING_ID = OpenApiParameter(
    "booking_id", UUID, "path", description="As POST /api/v1/bookings answered it"
)
_UNKNOWN_EVENT = errors.EventNotFound("no-such-event")
_EXAMPLES = load_examples(__file__)


def _answer(name: str, **fields: Any) -> Any:
    form = type(inline_serializer(name, fields))
    return extend_schema_serializer(many=False)(form)  # One object, even if it is a list's.


_EVENT_ANSWER = _answer("EventAnswer", data=EventSerializer())
_EVENT_PAGE = _answer("EventPage", data=EventSerializer(many=True), pagination=Pagination())
_CHANGE_PAGE = _answer(
    "ChangePage",
    data=ChangeSerializer(many=True),
    next=serializers.IntegerField(help_text="The `after` of the next request"),
)
_BOOKING_ANSWER = _answer("BookingAnswer", data=BookingSerializer())
_BOOKING_PAGE = _answer("BookingPage", data=BookingSerializer(many=True), pagination=Pagination())


LIST_EVENTS = extend_schema(
    operation_id="listEvents",
    summary="Events by date",
    description="Those without a date come last; those of one date are ordered by their id.",
    tags=_EVENTS,
    parameters=[PageQuery, *HEADERS],
    responses={
        200: success(_EVENT_PAGE, "A page of events", _EXAMPLES["listEvents"]),
        **refusals(*validation_errors(PageQuery), errors.Busy()),
    },
)

RETRIEVE_EVENT = extend_schema(
    operation_id="getEvent",
    summary="An event",
    description="Committed figures; `version` goes up by one with every change to the event.",
    tags=_EVENTS,
    parameters=[_EVENT_ID, *IF_NONE_MATCH, *HEADERS],
    responses={
        200: success(_EVENT_ANSWER, "The event", _EXAMPLES["getEvent"]),
        **NOT_MODIFIED,
        **refusals(_UNKNOWN_EVENT, errors.Busy()),
    },
)

LIST_CHANGES = extend_schema(
    operation_id="listChanges",
    summary="What happened to an event",
    description="Every change of the event, in order and without a gap, however many are being "
    "written. Ask again with `after` set to `next` for those that have come since.",
    tags=_EVENTS,
    parameters=[_EVENT_ID, ChangesQuery, *HEADERS],
    responses={
        200: success(_CHANGE_PAGE, "Changes in their order", _EXAMPLES["listChanges"]),
        **refusals(*validation_errors(ChangesQuery), _UNKNOWN_EVENT, errors.Busy()),
    },
)

LIST_BOOKINGS = extend_schema(
    operation_id="listBookings",
    summary="Bookings, newest first",
    description="All conditions that are given must hold.",
    tags=_BOOKINGS,
    parameters=[BookingsQuery, *HEADERS],
    responses={
        200: success(_BOOKING_PAGE, "A page of bookings", _EXAMPLES["listBookings"]),
        **refusals(
            *validation_errors(BookingsQuery),
            errors.Busy(),
        ),
    },
)

BOOK = extend_schema(
    operation_id="book",
    summary="Book tickets for several events, all or nothing",
    description=(
        "All items are yours when the answer is 201, and certainly none of them when it is 400, "
        "404, 409, 413, 415, 422 or 503 `Busy`. 409 is final; 503 is worth another try. Unknown "
        "fields are ignored. The customer gets an e-mail."
    ),
    tags=_BOOKINGS,
    parameters=[*IDEMPOTENCY_KEY, *HEADERS, location("the booking")],
    request=BookingRequest,
    examples=named(_EXAMPLES["book"]["request"], request_only=True),
    responses={
        201: success(_BOOKING_ANSWER, "All items are booked", _EXAMPLES["book"]["answer"]),
        **refusals(
            *validation_errors(BookingRequest),
            *MALFORMED,
            *KEY_FAULTS,
            _UNKNOWN_EVENT,
            errors.InsufficientSeats((errors.Shortage(DEFAULT_EVENT, 3, 2),)),
            *POST_REFUSALS,
        ),
    },
)

RETRIEVE_BOOKING = extend_schema(
    operation_id="getBooking",
    summary="A booking",
    description="The booking, whatever its status.",
    tags=_BOOKINGS,
    parameters=[_BOOKING_ID, *HEADERS],
    responses={
        200: success(_BOOKING_ANSWER, "The booking", _EXAMPLES["getBooking"]),
        **refusals(errors.BookingNotFound(), errors.Busy()),
    },
)

CANCEL_BOOKING = extend_schema(
    operation_id="cancelBooking",
    summary="Cancel a booking whole and return its seats",
    description="Of several at the same moment, exactly one gets 200. No body is needed. The "
    "customer gets an e-mail.",
    tags=_BOOKINGS,
    parameters=[_BOOKING_ID, *IDEMPOTENCY_KEY, *HEADERS],
    request=None,
    responses={
        200: success(_BOOKING_ANSWER, "The booking is cancelled", _EXAMPLES["cancelBooking"]),
        **refusals(
            *MALFORMED,
            *KEY_FAULTS,
            errors.BookingNotFound(),
            errors.BookingAlreadyCancelled(),
            *POST_REFUSALS,
        ),
    },
)


def add_links(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say what to do with the id of a new booking."""
    parameters = {"booking_id": "$response.body#/data/id"}
    result["paths"]["/api/v1/bookings"]["post"]["responses"]["201"]["links"] = {
        target: {"operationId": target, "parameters": parameters}
        for target in ("getBooking", "cancelBooking")
    }
    return result
