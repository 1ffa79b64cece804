"""The serializers that both APIs share."""

from rest_framework import serializers

from reservations.ledger.outcomes import Confirmed
from reservations.models import Reservation


class ReservationSerializer(serializers.Serializer[Reservation | Confirmed]):
    __doc__ = "A reservation."

    reservationId = serializers.UUIDField(source="id")
    eventId = serializers.CharField(source="event_slug")
    partnerId = serializers.CharField(source="partner")
    seats = serializers.IntegerField()
    status = serializers.ChoiceField(Reservation.Status.choices)
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(
        source="expires_at",
        read_only=True,
        allow_null=True,
        help_text="When the hold expires or has expired; null unless `held` or `expired`",
    )
