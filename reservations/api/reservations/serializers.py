"""What the reservations family takes and gives."""

import unicodedata
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import APIException

from reservations.api.fields import Integer, Text
from reservations.ledger.outcomes import Reserved
from reservations.models import DEFAULT_EVENT, Event, Reservation

MAX_SEATS = 10
MAX_PARTNER_LENGTH = 100
MIN_HOLD_SECONDS, MAX_HOLD_SECONDS = 5, 3600

_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_VISIBLE = f"[^{_CONTROL}{_BLANK}]"
PARTNER_PATTERN = (
    f"^[{_BLANK}]*{_VISIBLE}([^{_CONTROL}]{{0,{MAX_PARTNER_LENGTH - 2}}}{_VISIBLE})?[{_BLANK}]*$"
)
"""What ``PartnerId`` accepts, as a regular expression for clients."""


class EventId(Text):
    """An event's id; whether there is such an event is for the ledger to say."""

    default_error_messages = {
        "null": "Event ID must be a string",
        "invalid": "Event ID must be a string",
    }


@extend_schema_field({"type": "string", "pattern": PARTNER_PATTERN})
class PartnerId(Text):
    """A partner's id: 1 to 100 characters after trimming, all of them storable and printable."""

    default_error_messages = {
        "required": "Partner ID is required",
        "null": "Partner ID is required",
        "invalid": "Partner ID must be a string",
        "too_long": f"Partner ID must be at most {MAX_PARTNER_LENGTH} characters",
        "unprintable": "Partner ID must not contain control characters",
    }

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` trimmed, if it can name a partner."""
        partner = super().to_internal_value(data).strip()
        if not partner:
            self.fail("required")
        if len(partner) > MAX_PARTNER_LENGTH:
            self.fail("too_long")
        # Cc: control characters. Cs: lone surrogates, which no encoding can store.
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in partner):
            self.fail("unprintable")
        return partner


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MAX_SEATS})
class Seats(Integer):
    """How many seats."""

    minimum, maximum = 1, MAX_SEATS
    default_error_messages = {
        "required": "Seats must be an integer",
        "null": "Seats must be an integer",
        "invalid": "Seats must be an integer",
        "too_few": "Seats must be at least 1",
        "too_many": f"Maximum {MAX_SEATS} seats per request",
    }


@extend_schema_field({"type": "integer", "minimum": MIN_HOLD_SECONDS, "maximum": MAX_HOLD_SECONDS})
class HoldSeconds(Integer):
    """How long seats are held."""

    minimum, maximum = MIN_HOLD_SECONDS, MAX_HOLD_SECONDS
    default_error_messages = {
        "null": "Hold seconds must be an integer",
        "invalid": "Hold seconds must be an integer",
        "too_few": f"Hold seconds must be at least {MIN_HOLD_SECONDS}",
        "too_many": f"Hold seconds must be at most {MAX_HOLD_SECONDS}",
    }


@extend_schema_field({"type": "integer"})
class ExpectedVersion(Integer):
    """The version that the event must have."""

    default_error_messages = {
        "null": "Expected version must be an integer",
        "invalid": "Expected version must be an integer",
    }


class ReservationRequest(serializers.Serializer[dict[str, Any]]):
    """The body of POST /reservations."""

    partnerId = PartnerId(
        source="partner",
        help_text=f"1 to {MAX_PARTNER_LENGTH} characters after trimming, no control characters",
    )
    seats = Seats(help_text='`"3"`, `3.0` and `true` are refused')
    eventId = EventId(source="event", default=DEFAULT_EVENT)
    holdSeconds = HoldSeconds(
        source="hold_seconds", required=False, help_text="Hold the seats for so long, to confirm"
    )
    expectedVersion = ExpectedVersion(
        source="expected_version",
        required=False,
        help_text="Refuse, unless the event is at this version",
    )


class ReservedSerializer(serializers.Serializer[Reserved]):
    """The answer to POST /reservations."""

    reservationId = serializers.UUIDField(source="reservation_id")
    seats = serializers.IntegerField()
    status = serializers.ChoiceField(["confirmed", "held"])
    expiresAt = serializers.DateTimeField(
        source="expires_at", required=False, help_text="When the hold ends, if it is one"
    )

    def to_representation(self, reserved: Reserved) -> dict[str, Any]:
        """Show a hold; and by hand, since a hot event has so many, a sale, which has no end."""
        if reserved.expires_at:
            return super().to_representation(reserved)
        return {
            "reservationId": str(reserved.reservation_id),
            "seats": reserved.seats,
            "status": reserved.status,
        }


class ReservationSerializer(serializers.Serializer[Any]):
    """A reservation as it stands."""

    reservationId = serializers.UUIDField(source="id")
    eventId = serializers.CharField(source="event.slug")
    partnerId = serializers.CharField(source="partner")
    seats = serializers.IntegerField()
    status = serializers.ChoiceField(Reservation.Status.choices)
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(
        source="expires_at",
        read_only=True,
        allow_null=True,
        help_text="When a hold ends, or has ended",
    )


@extend_schema_serializer(component_name="Reservation")
class ConfirmedSerializer(ReservationSerializer):
    """The same of the ledger's outcome, a ``Confirmed``."""

    reservationId = serializers.UUIDField(source="reservation_id")
    eventId = serializers.CharField(source="event")


@extend_schema_serializer(many=False)
class SummarySerializer(serializers.ModelSerializer[Event]):
    """An event's figures."""

    eventId = serializers.CharField(source="slug")
    totalSeats = serializers.IntegerField(source="total_seats")
    availableSeats = serializers.IntegerField(source="available_seats")
    reservationCount = serializers.IntegerField(source="reservation_count")
    version = serializers.IntegerField()

    class Meta:
        model = Event
        fields = ("eventId", "name", "totalSeats", "availableSeats", "reservationCount", "version")


class InvalidReservationId(APIException):
    """The path names no reservation and never could."""

    status_code = 400
    default_code = "invalid"
    default_detail = "reservationId must be a valid UUID"


def parse_reservation_id(text: str) -> UUID:
    """Return the id that a path names, in its canonical form (RFC 9562, either case).

    Raises:
        InvalidReservationId: it is none.
    """
    try:
        parsed = UUID(text)
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != text.lower():
        raise InvalidReservationId
    return parsed
