"""The bookings API: a customer books one or more events, all or nothing."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.utils.cache import patch_vary_headers
from rest_framework import status
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from reservations import queries
from reservations.access.caller import owns
from reservations.api import etags
from reservations.api.authentication import uses_keys
from reservations.api.exceptions import replay_headers
from reservations.api.fields import parse_uuid
from reservations.api.idempotency import IdempotentViewSet
from reservations.api.permissions import public, requires
from reservations.api.responses import JSONResponse
from reservations.api.serialization import represent, represent_all, validate
from reservations.api.serializers import ReservationSerializer
from reservations.api.v1 import openapi
from reservations.api.v1.exceptions import exception_handler
from reservations.api.v1.pagination import paginate
from reservations.api.v1.serializers import (
    BOOKINGS,
    EVENTS,
    RESERVATIONS,
    BookingRequest,
    BookingSerializer,
    BookingsQuery,
    ChangeSerializer,
    ChangesQuery,
    EventSerializer,
    EventsQuery,
    MeSerializer,
    OwnChangeSerializer,
    OwnReservationsQuery,
    ReservationsQuery,
)
from reservations.concurrency_limit import ConcurrencyLimit
from reservations.errors import BookingNotFound, ForeignPartner
from reservations.ledger import submit
from reservations.ledger.commands import Book, CancelBooking
from reservations.models import Scope

lists = ConcurrencyLimit(2, max_waiting=settings.MAX_CONCURRENT_REQUESTS // 2)
"""Limits the lists that are read at a time: 100 bookings take 9 ms of CPU time. Not all
requests in flight may be lists that wait, so that there is room for sales."""


class V1ViewSet(IdempotentViewSet):
    """A viewset with the error format of the bookings API."""

    scope = "bookings"
    anonymous_actor = "api/v1"

    def get_exception_handler(self) -> Callable[..., JSONResponse]:
        """Return the exception handler of the bookings API."""
        return exception_handler


class EventViewSet(V1ViewSet):
    """Returns events and their changes."""

    @public
    @openapi.LIST_EVENTS
    def list(self, request: Request) -> JSONResponse:
        """Return a page of events: by date, or by id in a walk."""
        query = _validate_query(EventsQuery, request)
        with lists:
            events, pagination = paginate(queries.get_events(), EVENTS, **query)
            data = represent_all(EventSerializer, events)
        return JSONResponse({"data": data, "pagination": pagination})

    @public
    @openapi.RETRIEVE_EVENT
    def retrieve(self, request: Request, event_id: str) -> JSONResponse:
        """Return one event."""
        event = queries.get_event(event_id)
        return etags.conditional_response(
            request, event, {"data": represent(EventSerializer, event)}
        )

    @public
    @openapi.LIST_CHANGES
    def changes(self, request: Request, event_id: str) -> JSONResponse:
        """Return the changes of the event after a version."""
        query = _validate_query(ChangesQuery, request)
        event = queries.get_event(event_id)
        with lists:
            changes = queries.get_changes(event, **query)
            if uses_keys():
                queries.hide_foreign(changes, self.caller)
            data = represent_all(OwnChangeSerializer if self.caller else ChangeSerializer, changes)
        last = changes[-1].version if changes else query["after"]
        response = JSONResponse({"data": data, "next": last})
        if uses_keys():
            patch_vary_headers(response, ["Authorization"])
        return response


class OwnReservationsViewSet(V1ViewSet):
    """Lists the reservations of one partner."""

    @requires(Scope.READ)
    @openapi.LIST_RESERVATIONS
    def list(self, request: Request) -> JSONResponse:
        """Return some of a partner's reservations, newest first."""
        if self.caller:
            own = {"partner": self.caller.partner}
            query = own | _validate_query(OwnReservationsQuery, request)
        else:
            query = _validate_query(ReservationsQuery, request)
        if not owns(self.caller, query["partner"]):
            raise ForeignPartner
        paging = query.pop("paging")
        with lists:
            found, pagination = paginate(queries.get_reservations(**query), RESERVATIONS, paging)
            data = represent_all(ReservationSerializer, found)
        return JSONResponse({"data": data, "pagination": pagination})


class MeViewSet(V1ViewSet):
    """Returns what the server knows about the key of the request."""

    @requires(Scope.READ)
    @openapi.ME
    def retrieve(self, request: Request) -> JSONResponse:
        """Return the partner and the key; 404 if the API is open."""
        if self.caller is None:
            raise Http404
        key = queries.get_key(self.caller.key_id)
        return JSONResponse({"data": represent(MeSerializer, key)})


class BookingsViewSet(V1ViewSet):
    """Lists and creates bookings."""

    @requires(Scope.READ)
    @openapi.LIST_BOOKINGS
    def list(self, request: Request) -> JSONResponse:
        """Return a page of bookings, newest first."""
        query = _validate_query(BookingsQuery, request)
        paging = query.pop("paging")
        with lists:
            found, pagination = paginate(
                queries.get_bookings(caller=self.caller, **query), BOOKINGS, paging
            )
            data = represent_all(BookingSerializer, found)
        return JSONResponse({"data": data, "pagination": pagination})

    @requires(Scope.SELL)
    @openapi.BOOK
    def create(self, request: Request) -> JSONResponse:
        """Book all items or none."""
        wanted = validate(BookingRequest, self.body)
        booked = submit(
            Book(
                customer_email=wanted["customer_email"],
                items=tuple(wanted["items"]),
                actor=self.actor,
                caller=self.caller,
                idempotency_key=self.idempotency_key,
            )
        )
        location = f"{request.path.rstrip('/')}/{booked.id}"
        return JSONResponse(
            {"data": represent(BookingSerializer, booked)},
            status=status.HTTP_201_CREATED,
            headers={"Location": location, **replay_headers(booked)},
        )


class BookingViewSet(V1ViewSet):
    """Returns and cancels one booking."""

    @requires(Scope.READ)
    @openapi.RETRIEVE_BOOKING
    def retrieve(self, request: Request, booking_id: str) -> JSONResponse:
        """Return the booking, whatever its status."""
        booking = queries.get_booking(_parse_booking_id(booking_id), caller=self.caller)
        return JSONResponse({"data": represent(BookingSerializer, booking)})

    @requires(Scope.SELL)
    @openapi.CANCEL_BOOKING
    def cancel(self, request: Request, booking_id: str) -> JSONResponse:
        """Cancel all items of the booking and return their seats."""
        cancelled = submit(
            CancelBooking(
                booking_id=_parse_booking_id(booking_id),
                actor=self.actor,
                caller=self.caller,
                idempotency_key=self.idempotency_key,
            )
        )
        return JSONResponse(
            {"data": represent(BookingSerializer, cancelled)}, headers=replay_headers(cancelled)
        )


def _validate_query(query: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    # A plain dict: in a QueryDict, DRF would treat an empty value as missing.
    return validate(query, request.query_params.dict())


def _parse_booking_id(text: str) -> UUID:
    booking_id = parse_uuid(text)
    if booking_id is None:
        raise BookingNotFound
    return booking_id
