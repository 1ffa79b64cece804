"""The bookings API: a customer books one or more events, all or nothing."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from reservations import queries
from reservations.api import etags
from reservations.api.exceptions import replay_headers
from reservations.api.fields import parse_uuid
from reservations.api.idempotency import IdempotentViewSet
from reservations.api.responses import JSONResponse
from reservations.api.serialization import represent, represent_all, validate
from reservations.api.v1 import openapi
from reservations.api.v1.exceptions import exception_handler
from reservations.api.v1.pagination import paginate
from reservations.api.v1.serializers import (
    BOOKINGS,
    EVENTS,
    BookingRequest,
    BookingSerializer,
    BookingsQuery,
    ChangeSerializer,
    ChangesQuery,
    EventSerializer,
    EventsQuery,
)
from reservations.concurrency_limit import ConcurrencyLimit
from reservations.errors import BookingNotFound
from reservations.ledger import submit
from reservations.ledger.commands import Book, CancelBooking

ACTOR = "api/v1"

lists = ConcurrencyLimit(2, max_waiting=settings.MAX_CONCURRENT_REQUESTS // 2)
"""Limits the lists that are read at a time: 100 bookings take 9 ms of CPU time. Not all
requests in flight may be lists that wait, so that there is room for sales."""


class V1ViewSet(IdempotentViewSet):
    """A viewset with the error format of the bookings API."""

    scope = "bookings"

    def get_exception_handler(self) -> Callable[..., JSONResponse]:
        """Return the exception handler of the bookings API."""
        return exception_handler


class EventViewSet(V1ViewSet):
    """Returns events and their changes."""

    @openapi.LIST_EVENTS
    def list(self, request: Request) -> JSONResponse:
        """Return a page of events: by date, or by id in a walk."""
        query = _validate_query(EventsQuery, request)
        with lists:
            events, pagination = paginate(queries.get_events(), EVENTS, **query)
            data = represent_all(EventSerializer, events)
        return JSONResponse({"data": data, "pagination": pagination})

    @openapi.RETRIEVE_EVENT
    def retrieve(self, request: Request, event_id: str) -> JSONResponse:
        """Return one event."""
        event = queries.get_event(event_id)
        return etags.conditional_response(
            request, event, {"data": represent(EventSerializer, event)}
        )

    @openapi.LIST_CHANGES
    def changes(self, request: Request, event_id: str) -> JSONResponse:
        """Return the changes of the event after a version."""
        query = _validate_query(ChangesQuery, request)
        event = queries.get_event(event_id)
        with lists:
            changes = queries.get_changes(event, **query)
            data = represent_all(ChangeSerializer, changes)
        last = changes[-1].version if changes else query["after"]
        return JSONResponse({"data": data, "next": last})


class BookingsViewSet(V1ViewSet):
    """Lists and creates bookings."""

    @openapi.LIST_BOOKINGS
    def list(self, request: Request) -> JSONResponse:
        """Return a page of bookings, newest first."""
        query = _validate_query(BookingsQuery, request)
        paging = query.pop("paging")
        with lists:
            found, pagination = paginate(queries.get_bookings(**query), BOOKINGS, paging)
            data = represent_all(BookingSerializer, found)
        return JSONResponse({"data": data, "pagination": pagination})

    @openapi.BOOK
    def create(self, request: Request) -> JSONResponse:
        """Book all items or none."""
        wanted = validate(BookingRequest, self.body)
        booked = submit(
            Book(
                customer_email=wanted["customer_email"],
                items=tuple(wanted["items"]),
                actor=ACTOR,
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

    @openapi.RETRIEVE_BOOKING
    def retrieve(self, request: Request, booking_id: str) -> JSONResponse:
        """Return the booking, whatever its status."""
        booking = queries.get_booking(_parse_booking_id(booking_id))
        return JSONResponse({"data": represent(BookingSerializer, booking)})

    @openapi.CANCEL_BOOKING
    def cancel(self, request: Request, booking_id: str) -> JSONResponse:
        """Cancel all items of the booking and return their seats."""
        cancelled = submit(
            CancelBooking(
                booking_id=_parse_booking_id(booking_id),
                actor=ACTOR,
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
