"""Reservations: seats of one event, held or sold."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from reservations.models.booking import Booking
from reservations.models.event import Event


class Reservation(models.Model):
    """Seats of one event, either for a partner or as an item of a customer's booking.

    The primary key is the public id. It is a UUIDv7 (RFC 9562), so that inserts append to the
    index, and created in Python, so that a command has it before its transaction begins.
    """

    class Status(models.TextChoices):
        HELD = "held"
        CONFIRMED = "confirmed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # No foreign key constraint: each sale would pay for it. Triggers protect the referenced row
    # instead (docs/decisions/0014).
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="reservations",
        db_index=False,
        db_constraint=False,
    )
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="items", null=True, db_index=False
    )
    partner = models.CharField(
        max_length=100,
        blank=True,
        help_text="Id of the partner; empty in a booking, which has its own",
    )
    seats = models.IntegerField()
    status = models.CharField(max_length=20, choices=Status)
    # The ledger stores the time that it reads under the event's lock instead of the default.
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(
        null=True, editable=False, help_text="When the hold expires or expired"
    )

    class Meta:
        default_permissions = ("view",)
        permissions = (("cancel_reservation", "Can cancel reservations and return their seats"),)
        # Indexes for the admin's searches and filters, expired holds, and the items of bookings.
        indexes = (
            models.Index(fields=["event", "-id"], name="reservation_event"),
            models.Index(
                fields=["partner", "-id"],
                opclasses=["varchar_pattern_ops", "uuid_ops"],
                condition=Q(booking__isnull=True),
                name="reservation_partner_newest",
            ),
            models.Index(
                fields=["-id"], condition=Q(status="cancelled"), name="reservation_cancelled"
            ),
            BrinIndex(fields=["created_at"], name="reservation_created_at"),
            models.Index(
                fields=["event", "expires_at"], condition=Q(status="held"), name="reservation_held"
            ),
            models.Index(
                fields=["booking"],
                condition=Q(booking__isnull=False),
                name="reservation_booking",
            ),
            models.Index(
                fields=["event", "-created_at", "-booking"],
                condition=Q(booking__isnull=False),
                name="reservation_event_booked",
            ),
            models.Index(
                fields=["event", "status", "-created_at", "-booking"],
                condition=Q(booking__isnull=False),
                name="reservation_event_status",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=Q(seats__gte=1), name="reservation_seats_positive"),
            models.CheckConstraint(
                condition=Q(status__in=["held", "expired"], expires_at__isnull=False)
                | Q(status__in=["confirmed", "cancelled"], expires_at__isnull=True),
                name="reservation_status_fits_expiry",
            ),
            models.CheckConstraint(
                condition=Q(booking__isnull=True) | Q(status__in=["confirmed", "cancelled"]),
                name="reservation_of_a_booking_is_no_hold",
            ),
        )
        # Newest first: ids are ordered by time.
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def event_slug(self) -> str:
        """The event's slug, under the same name as in the ledger's outcomes."""
        return self.event.slug

    @property
    def event_name(self) -> str:
        """The event's name, under the same name as in the ledger's outcomes."""
        return self.event.name
