"""The serializers of the bookings API."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from reservations import queries
from reservations.api.fields import (
    QueryCharField,
    QueryIntegerField,
    StrictCharField,
    StrictIntegerField,
)
from reservations.api.parsers import JSONObjectParser
from reservations.api.partner_id import PartnerIdField
from reservations.api.v1.fields import EmailField, ItemsField, StatusField
from reservations.api.v1.pagination import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    CursorField,
    Order,
    PageQuery,
    WalkQuery,
)
from reservations.ledger.commands import BookingItem
from reservations.ledger.outcomes import BookedItem, BookingOutcome
from reservations.models import ApiKey, Booking, Change, Event, Reservation

MAX_QUANTITY = 3
_MAX_VERSION = 2**63 - 1  # The maximum of PostgreSQL's bigint.


@extend_schema_serializer(component_name="BookingItemRequest")
class ItemRequest(serializers.Serializer[Any]):
    __doc__ = "Tickets for one event."

    default_error_messages = {
        "null": "item must be an object",
        "invalid": "item must be an object",
    }

    eventId = StrictCharField(subject="eventId", source="event")
    quantity = StrictIntegerField(
        subject="quantity",
        min_value=1,
        max_value=MAX_QUANTITY,
        error_messages={"max_value": f"maximum {MAX_QUANTITY} tickets per event per transaction"},
        source="seats",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Return the item as the ledger's ``BookingItem``."""
        return BookingItem(**super().to_internal_value(data))


class BookingRequest(serializers.Serializer[dict[str, Any]]):
    __doc__ = "The body of POST /api/v1/bookings."

    default_error_messages = {"null": JSONObjectParser.error_messages["not_an_object"]}

    customerEmail = EmailField(
        source="customer_email", help_text="Gets the e-mails about the booking"
    )
    items: Any = ItemsField(child=ItemRequest(), help_text="Each event at most once")


EVENTS = Order(queries.EVENTS_BY_DATE, queries.EVENTS_BY_SLUG)
BOOKINGS = Order(queries.BOOKINGS_BY_TIME, queries.BOOKINGS_BY_TIME)
RESERVATIONS = Order(queries.RESERVATIONS_BY_ID, queries.RESERVATIONS_BY_ID)


class EventsQuery(PageQuery):
    """The query string of GET /api/v1/events."""

    cursor = CursorField(EVENTS)


class BookingsQuery(PageQuery):
    """The query string of GET /api/v1/bookings."""

    cursor = CursorField(BOOKINGS)
    email = EmailField(
        required=False,
        help_text="Only bookings of this customer, with the address in any of its notations",
    )
    status = StatusField(required=False, help_text="Only bookings with this status")
    eventId = QueryCharField(
        source="event", required=False, help_text="Only bookings with an item for this event"
    )


class ReservationsQuery(WalkQuery):
    """The query string of GET /api/v1/reservations."""

    cursor = CursorField(RESERVATIONS)
    eventId = QueryCharField(
        source="event", required=False, help_text="Only reservations for this event"
    )
    status = serializers.ChoiceField(
        Reservation.Status.values,
        required=False,
        error_messages={"invalid_choice": f"must be one of {', '.join(Reservation.Status.values)}"},
        help_text="Only reservations with this status",
    )
    partnerId = PartnerIdField(
        source="partner", help_text="Whose reservations; with a key, they are its partner's"
    )


class OwnReservationsQuery(ReservationsQuery):
    """The query string of GET /api/v1/reservations with a key, whose partner is the default."""

    partnerId = PartnerIdField(source="partner", required=False)


class ChangesQuery(serializers.Serializer[Any]):
    """The query string of GET /api/v1/events/{id}/changes."""

    after = QueryIntegerField(
        min_value=0,
        max_value=_MAX_VERSION,
        default=0,
        help_text="Only changes after this version; pass the `next` of the previous response",
    )
    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


@extend_schema_serializer(component_name="Event")
class EventSerializer(serializers.ModelSerializer[Event]):
    __doc__ = "An event with its seat counts and version."

    id = serializers.CharField(source="slug")
    date = serializers.DateTimeField(source="starts_at", allow_null=True)
    totalSeats = serializers.IntegerField(source="total_seats")
    availableSeats = serializers.IntegerField(source="available_seats")
    version = serializers.IntegerField()
    salesPaused = serializers.BooleanField(
        source="sales_paused", help_text="While true, no seats are sold or held"
    )
    salesOpenAt = serializers.DateTimeField(
        source="sales_open_at", allow_null=True, help_text="When sales open; null: no time is set"
    )
    salesCloseAt = serializers.DateTimeField(
        source="sales_close_at", allow_null=True, help_text="When sales close; null: no time is set"
    )

    class Meta:
        model = Event
        fields = (
            "id",
            "name",
            "date",
            "venue",
            "totalSeats",
            "availableSeats",
            "version",
            "salesPaused",
            "salesOpenAt",
            "salesCloseAt",
        )


class ChangeSerializer(serializers.ModelSerializer[Change]):
    __doc__ = "One change of an event."

    version = serializers.IntegerField()
    seats = serializers.IntegerField(help_text="Signed change of `availableSeats`")
    availableSeats = serializers.IntegerField(
        source="available_seats", help_text="The value after the change"
    )
    reservationId = serializers.UUIDField(source="reservation_id", allow_null=True)
    at = serializers.DateTimeField()

    class Meta:
        model = Change
        fields = ("version", "kind", "seats", "availableSeats", "reservationId", "at")


@extend_schema_serializer(component_name="Change")
class OwnChangeSerializer(ChangeSerializer):
    __doc__ = "One change of an event, with the partner's own keys."

    actor = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Which of your keys caused the change, if any; only with a key",
    )

    class Meta(ChangeSerializer.Meta):
        fields = (*ChangeSerializer.Meta.fields, "actor")  # type: ignore[assignment]


@extend_schema_serializer(component_name="Me")
class MeSerializer(serializers.ModelSerializer[ApiKey]):
    __doc__ = "The partner and the key that a request has."

    partnerId = serializers.CharField(source="partner.slug")
    name = serializers.CharField(source="partner.name")
    keyId = serializers.CharField(source="id")
    scopes = serializers.ListField(child=serializers.CharField())
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)

    class Meta:
        model = ApiKey
        fields = ("partnerId", "name", "keyId", "scopes", "expiresAt")


@extend_schema_serializer(component_name="BookingItem")
class ItemSerializer(serializers.Serializer[Reservation | BookedItem]):
    __doc__ = "Tickets for one event."

    eventId = serializers.CharField(source="event_slug")
    eventName = serializers.CharField(source="event_name")
    quantity = serializers.IntegerField(source="seats")


@extend_schema_serializer(component_name="Booking")
class BookingSerializer(serializers.Serializer[Booking | BookingOutcome]):
    __doc__ = "A booking."

    id = serializers.UUIDField()
    customerEmail = serializers.CharField(source="customer_email")
    status = StatusField()
    createdAt = serializers.DateTimeField(source="created_at")
    items: Any = ItemSerializer(many=True, source="booked_items")
    totalTickets = serializers.IntegerField(source="total_tickets")
