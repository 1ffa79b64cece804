"""The OpenAPI descriptions of the bookings API."""

from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import (
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
    INVALID_KEY,
    MALFORMED,
    NOT_MODIFIED,
    POST_REFUSALS,
    location,
    not_on_sale,
    path_parameter,
)
from reservations.api.openapi_access import NO_KEY, needs
from reservations.api.openapi_responses import load_examples, named, success, validation_errors
from reservations.api.serializers import ReservationSerializer
from reservations.api.v1.exceptions import exception_handler
from reservations.api.v1.pagination import Pagination, WalkPagination
from reservations.api.v1.serializers import (
    BookingRequest,
    BookingSerializer,
    BookingsQuery,
    ChangesQuery,
    EventSerializer,
    EventsQuery,
    MeSerializer,
    OwnChangeSerializer,
    ReservationsQuery,
)
from reservations.models import DEFAULT_EVENT, Scope

_NOT_ON_SALE = "The first event in the order of the items that is paused or not on sale"


class V1Error(serializers.Serializer[Any]):
    __doc__ = "An error response."

    error = serializers.CharField(help_text="A machine-readable error name")
    message = serializers.CharField(help_text="A human-readable message")


class V1Invalid(V1Error):
    __doc__ = (
        "A validation error response: all errors of the body, query string or header, at most 50."
    )

    details = openapi.Fault(many=True)
    more = serializers.IntegerField(required=False, min_value=1, help_text=openapi.MORE)


class UnknownEvent(V1Error):
    __doc__ = "The event does not exist."

    eventId = serializers.CharField(
        help_text="For a booking, the first unknown event in the order of its items"
    )


class V1SalesPaused(V1Error):
    __doc__ = "The sales of the event are paused."

    eventId = serializers.CharField(help_text=_NOT_ON_SALE)


class V1NotOnSale(V1Error):
    __doc__ = "The sales of the event have not opened yet, or are closed."

    eventId = serializers.CharField(help_text=_NOT_ON_SALE)
    opensAt = serializers.DateTimeField(allow_null=True, help_text=openapi.OPENS_AT)
    closesAt = serializers.DateTimeField(allow_null=True, help_text=openapi.CLOSES_AT)


class V1ScopeMissing(V1Error):
    __doc__ = "The key does not have the scope for this request."

    scope = serializers.CharField(help_text="The scope that is needed")


class VersionAhead(V1Error):
    __doc__ = "The event has not reached the version in `after`."

    version = serializers.IntegerField(help_text="The current version of the event")


class ShortItem(serializers.Serializer[Any]):
    __doc__ = "An item with too few available seats."

    eventId = serializers.CharField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()


class InsufficientSeats(V1Error):
    __doc__ = """Too few seats are available for ``items``; the first is repeated at the top level.

    This refusal is final.
    """

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
        errors.SalesPaused: V1SalesPaused,
        errors.NotOnSale: V1NotOnSale,
        errors.VersionAhead: VersionAhead,
        errors.ScopeMissing: V1ScopeMissing,
        exceptions.ValidationError: V1Invalid,
        exceptions.ParseError: V1Invalid,
    },
    otherwise=V1Error,
)


_EVENTS, _BOOKINGS, _RESERVATIONS = ["Events"], ["Bookings"], ["Reservations"]
_PARTNER = ["Partner"]
_UNKNOWN_EVENT = errors.EventNotFound("no-such-event")
_EXAMPLES = load_examples(__file__)
_EVENT_ID = path_parameter(
    "event_id", str, description="As returned by GET /api/v1/events", example=DEFAULT_EVENT
)
_BOOKING_ID = path_parameter(
    "booking_id",
    UUID,
    description="As returned by POST /api/v1/bookings",
    example=_EXAMPLES["getBooking"]["The booking"]["data"]["id"],
)


def _answer(name: str, **fields: Any) -> Any:
    serializer = type(inline_serializer(name, fields))
    # One object: drf-spectacular documents a list for an action named ``list``.
    return extend_schema_serializer(many=False)(serializer)


_EVENT_ANSWER = _answer("EventAnswer", data=EventSerializer())
_EVENT_PAGE = _answer("EventPage", data=EventSerializer(many=True), pagination=Pagination())
_CHANGE_PAGE = _answer(
    "ChangePage",
    data=OwnChangeSerializer(many=True),
    next=serializers.IntegerField(help_text="The value of `after` for the next request"),
)
_BOOKING_ANSWER = _answer("BookingAnswer", data=BookingSerializer())
_RESERVATION_PAGE = _answer(
    "ReservationPage", data=ReservationSerializer(many=True), pagination=WalkPagination()
)
_ME_ANSWER = _answer("MeAnswer", data=MeSerializer())
_BOOKING_PAGE = _answer("BookingPage", data=BookingSerializer(many=True), pagination=Pagination())


LIST_EVENTS = extend_schema(
    operation_id="listEvents",
    summary="List events by date",
    description="Pages are ordered by date, then by id; events without a date come last. To read "
    "all events, begin with an empty `cursor` and continue with `nextCursor` until it is null. "
    "Such a walk is ordered by id, so it repeats and skips no event, even if dates are edited "
    "meanwhile. The `nextCursor` of a page continues in the order of the pages.",
    tags=_EVENTS,
    parameters=[EventsQuery, *HEADERS],
    responses={
        200: success(_EVENT_PAGE, "A page of events", _EXAMPLES["listEvents"]),
        **refusals(*validation_errors(EventsQuery), *NO_KEY, errors.Busy()),
    },
)

RETRIEVE_EVENT = extend_schema(
    operation_id="getEvent",
    summary="Get an event",
    description="Returns committed values. An expired hold counts as held until it is released, "
    "usually within seconds. `version` increases by one with every change to the event.",
    tags=_EVENTS,
    parameters=[_EVENT_ID, *IF_NONE_MATCH, *HEADERS],
    responses={
        200: success(_EVENT_ANSWER, "The event", _EXAMPLES["getEvent"]),
        **NOT_MODIFIED,
        **refusals(*NO_KEY, _UNKNOWN_EVENT, errors.Busy()),
    },
)

LIST_CHANGES = extend_schema(
    operation_id="listChanges",
    summary="List the changes of an event",
    description="Returns changes in order and without gaps, even while new ones are being written. "
    "To read later changes, send another request with `after` set to `next`. Clients must accept "
    "new values of `kind`. If the server uses keys, `reservationId` is null unless the reservation "
    "belongs to the partner of your key. 409 means that the event has been restored from a backup.",
    tags=_EVENTS,
    parameters=[_EVENT_ID, ChangesQuery, *HEADERS],
    responses={
        200: success(_CHANGE_PAGE, "Changes in order", _EXAMPLES["listChanges"]),
        **refusals(
            *validation_errors(ChangesQuery),
            *NO_KEY,
            _UNKNOWN_EVENT,
            errors.VersionAhead(version=31),
            errors.Busy(),
        ),
    },
)

LIST_RESERVATIONS = extend_schema(
    operation_id="listReservations",
    summary="List your reservations, newest first",
    description="Returns the reservations of the key's partner that match all of the given "
    "filters; items of bookings are left out. Without keys, `partnerId` is required. To read all "
    "of them, continue with `nextCursor`, and the same filters, until it is null. New reservations "
    "do not shift the entries of such a walk.",
    tags=_RESERVATIONS,
    parameters=[ReservationsQuery, *HEADERS],
    responses={
        200: success(_RESERVATION_PAGE, "Reservations", _EXAMPLES["listReservations"]),
        **refusals(
            *validation_errors(ReservationsQuery),
            *NO_KEY,
            *needs(Scope.READ),
            errors.ForeignPartner(),
            errors.Busy(),
        ),
    },
)

ME = extend_schema(
    operation_id="getMe",
    summary="Get the partner and the scopes of your key",
    description="Returns 404 if the server does not use keys.",
    tags=_PARTNER,
    parameters=HEADERS,
    responses={
        200: success(_ME_ANSWER, "Your partner and key", _EXAMPLES["getMe"]),
        **refusals(*NO_KEY, *needs(Scope.READ), exceptions.NotFound("Not found"), errors.Busy()),
    },
)

LIST_BOOKINGS = extend_schema(
    operation_id="listBookings",
    summary="List bookings, newest first",
    description="Returns the bookings that match all of the given filters. To read all of them, "
    "begin with an empty `cursor` and continue with `nextCursor`, and the same filters, until it "
    "is null. New bookings do not shift the entries of such a walk.",
    tags=_BOOKINGS,
    parameters=[BookingsQuery, *HEADERS],
    responses={
        200: success(_BOOKING_PAGE, "A page of bookings", _EXAMPLES["listBookings"]),
        **refusals(
            *validation_errors(BookingsQuery),
            *NO_KEY,
            *needs(Scope.READ),
            errors.Busy(),
        ),
    },
)

BOOK = extend_schema(
    operation_id="book",
    summary="Book tickets for one or more events, all or nothing",
    description=(
        "201 means that all items are booked. 400, 404, 409, 413, 415, 422 and 503 `Busy` "
        "guarantee that nothing was booked. 409 `InsufficientSeats` is final; after `SalesPaused` "
        "or `NotOnSale`, the same request may succeed later; after a 503, retry with the same "
        "`Idempotency-Key`. Unknown fields are ignored. The customer gets an e-mail."
    ),
    tags=_BOOKINGS,
    parameters=[*IDEMPOTENCY_KEY, *HEADERS, location("the booking")],
    request=BookingRequest,
    examples=named(_EXAMPLES["book"]["request"], request_only=True),
    responses={
        201: success(_BOOKING_ANSWER, "All items are booked", _EXAMPLES["book"]["response"]),
        **refusals(
            *validation_errors(BookingRequest),
            *MALFORMED,
            *INVALID_KEY,
            *NO_KEY,
            *needs(Scope.SELL),
            _UNKNOWN_EVENT,
            *not_on_sale(DEFAULT_EVENT),
            errors.InsufficientSeats((errors.Shortage(DEFAULT_EVENT, 3, 2),)),
            *POST_REFUSALS,
        ),
    },
)

RETRIEVE_BOOKING = extend_schema(
    operation_id="getBooking",
    summary="Get a booking",
    description="Returns the booking, whatever its status.",
    tags=_BOOKINGS,
    parameters=[_BOOKING_ID, *HEADERS],
    responses={
        200: success(_BOOKING_ANSWER, "The booking", _EXAMPLES["getBooking"]),
        **refusals(*NO_KEY, *needs(Scope.READ), errors.BookingNotFound(), errors.Busy()),
    },
)

CANCEL_BOOKING = extend_schema(
    operation_id="cancelBooking",
    summary="Cancel a booking and return its seats",
    description="Cancels all items of the booking. Of several concurrent requests, exactly one "
    "cancels it. No body is needed; `null` counts as none. The customer gets an e-mail.",
    tags=_BOOKINGS,
    parameters=[_BOOKING_ID, *IDEMPOTENCY_KEY, *HEADERS],
    request=None,
    responses={
        200: success(_BOOKING_ANSWER, "The booking is cancelled", _EXAMPLES["cancelBooking"]),
        **refusals(
            *MALFORMED,
            *INVALID_KEY,
            *NO_KEY,
            *needs(Scope.SELL),
            errors.BookingNotFound(),
            errors.BookingAlreadyCancelled(),
            *POST_REFUSALS,
        ),
    },
)


def add_links(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add links from a new booking to its operations."""
    parameters = {"booking_id": "$response.body#/data/id"}
    result["paths"]["/api/v1/bookings"]["post"]["responses"]["201"]["links"] = {
        target: {"operationId": target, "parameters": parameters}
        for target in ("getBooking", "cancelBooking")
    }
    return result
