"""The serializers of the reservations API."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from reservations.api.fields import StrictCharField, StrictIntegerField
from reservations.api.parsers import JSONObjectParser
from reservations.api.partner_id import PartnerIdField
from reservations.ledger.outcomes import Reserved
from reservations.models import DEFAULT_EVENT, MAX_PARTNER_ID_LENGTH, Event

MAX_SEATS = 10
MIN_HOLD_SECONDS, MAX_HOLD_SECONDS = 5, 3600


class ReservationRequest(serializers.Serializer[dict[str, Any]]):
    __doc__ = "The body of POST /reservations."

    default_error_messages = {"null": JSONObjectParser.error_messages["not_an_object"]}

    partnerId = PartnerIdField(
        source="partner",
        help_text=f"1 to {MAX_PARTNER_ID_LENGTH} characters after trimming and normalisation to "
        "NFC, no control or format characters",
    )
    seats = StrictIntegerField(
        subject="Seats",
        min_value=1,
        max_value=MAX_SEATS,
        error_messages={"max_value": f"Maximum {MAX_SEATS} seats per request"},
        help_text='`"3"`, `3.0` and `true` are rejected',
    )
    eventId = StrictCharField(subject="Event ID", source="event", default=DEFAULT_EVENT)
    holdSeconds = StrictIntegerField(
        subject="Hold seconds",
        min_value=MIN_HOLD_SECONDS,
        max_value=MAX_HOLD_SECONDS,
        source="hold_seconds",
        required=False,
        help_text="Hold the seats for this many seconds instead of selling them immediately",
    )
    expectedVersion = StrictIntegerField(
        subject="Expected version",
        source="expected_version",
        required=False,
        help_text="Refuse the request unless the event has this version",
    )


class OwnReservationRequest(ReservationRequest):
    """The body of POST /reservations with a key, whose partner is the default."""

    partnerId = PartnerIdField(source="partner", required=False)


class ReservedSerializer(serializers.Serializer[Reserved]):
    __doc__ = "The response to POST /reservations."

    reservationId = serializers.UUIDField(source="id")
    seats = serializers.IntegerField()
    status = serializers.ChoiceField(["confirmed", "held"])
    expiresAt = serializers.DateTimeField(
        source="expires_at", required=False, help_text="When the hold expires; only for holds"
    )

    def to_representation(self, reserved: Reserved) -> dict[str, Any]:
        """Return the response body; for a confirmed reservation, bypass the fields for speed."""
        if reserved.expires_at:
            return super().to_representation(reserved)
        return {
            "reservationId": str(reserved.id),
            "seats": reserved.seats,
            "status": reserved.status,
        }


@extend_schema_serializer(many=False)
class SummarySerializer(serializers.ModelSerializer[Event]):
    __doc__ = "The seat counts and the version of an event."

    eventId = serializers.CharField(source="slug")
    totalSeats = serializers.IntegerField(source="total_seats")
    availableSeats = serializers.IntegerField(source="available_seats")
    reservationCount = serializers.IntegerField(
        source="reservation_count",
        help_text="Number of confirmed reservations, including the items of bookings",
    )
    version = serializers.IntegerField()

    class Meta:
        model = Event
        fields = ("eventId", "name", "totalSeats", "availableSeats", "reservationCount", "version")
