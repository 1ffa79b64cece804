"""A customer's booking of seats for one or more events."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from uuid_utils.compat import uuid7


class Booking(models.Model):
    """A group of reservations, one for each event, confirmed and cancelled together.

    The ids of its items are created in the order of the request, so ordering by id restores that
    order.
    """

    class Status(models.TextChoices):
        CONFIRMED = "confirmed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer_email = models.EmailField(
        max_length=254, blank=True, help_text="Recipient of the e-mails; erased on request"
    )
    status = models.CharField(max_length=20, choices=Status)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions = (("cancel_booking", "Can cancel bookings and return their seats"),)
        indexes = (
            models.Index(fields=["-created_at", "-id"], name="booking_newest"),
            models.Index(
                Lower("customer_email"),
                F("created_at").desc(),
                F("id").desc(),
                name="booking_customer_email",
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=["confirmed", "cancelled"]), name="booking_status_known"
            ),
        )
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def total_tickets(self) -> int:
        """The total number of seats of its items."""
        return sum(item.seats for item in self.items.all())
