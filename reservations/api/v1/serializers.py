"""What the bookings family gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from reservations.api.v1.requests import STATUSES
from reservations.ledger.outcomes import BookedItem
from reservations.models import Change, Event, Reservation


@extend_schema_serializer(component_name="Event")
class EventSerializer(serializers.ModelSerializer[Event]):
    """An event and its figures."""

    id = serializers.CharField(source="slug")
    date = serializers.DateTimeField(source="starts_at", allow_null=True)
    totalSeats = serializers.IntegerField(source="total_seats")
    availableSeats = serializers.IntegerField(source="available_seats")
    version = serializers.IntegerField()

    class Meta:
        model = Event
        fields = ("id", "name", "date", "venue", "totalSeats", "availableSeats", "version")


@extend_schema_serializer(component_name="Change")
class ChangeSerializer(serializers.ModelSerializer[Change]):
    """One change of an event."""

    version = serializers.IntegerField()
    seats = serializers.IntegerField(help_text="Signed change of `availableSeats`")
    availableSeats = serializers.IntegerField(source="available_seats", help_text="From then on")
    reservationId = serializers.UUIDField(source="reservation_id", allow_null=True)
    at = serializers.DateTimeField()

    class Meta:
        model = Change
        fields = ("version", "kind", "seats", "availableSeats", "reservationId", "at")


@extend_schema_serializer(component_name="BookingItem")
class ItemSerializer(serializers.Serializer[Reservation]):
    """Tickets for one event."""

    eventId = serializers.CharField(source="event.slug")
    eventName = serializers.CharField(source="event.name")
    quantity = serializers.IntegerField(source="seats")


class Status(serializers.ChoiceField):
    """A booking's status, in capitals."""

    def to_representation(self, value: str) -> str:
        """Return ``value`` in capitals."""
        return value.upper()


@extend_schema_serializer(component_name="Booking")
class BookingSerializer(serializers.Serializer[Any]):
    """A booking as it stands."""

    id = serializers.UUIDField()
    customerEmail = serializers.CharField(source="customer_email")
    status = Status(list(STATUSES))
    createdAt = serializers.DateTimeField(source="created_at")
    items: Any = ItemSerializer(many=True)
    totalTickets = serializers.IntegerField(source="total_tickets")


@extend_schema_serializer(component_name="BookingItem")
class BookedItemSerializer(serializers.Serializer[BookedItem]):
    """The same of the ledger's outcome."""

    eventId = serializers.CharField(source="event")
    eventName = serializers.CharField(source="event_name")
    quantity = serializers.IntegerField(source="seats")


@extend_schema_serializer(component_name="Booking")
class BookedSerializer(BookingSerializer):
    """The same of the ledger's outcome."""

    id = serializers.UUIDField(source="booking_id")
    items = BookedItemSerializer(many=True)
