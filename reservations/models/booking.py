"""A customer's booking of seats for one or more events."""

from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import orjson
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.functional import cached_property
from uuid_utils.compat import uuid7

from reservations import sql
from reservations.email_addresses import canonicalise

if TYPE_CHECKING:
    from reservations.models.reservation import Reservation

_CHUNK = 1_000
WITHOUT_CANONICAL_EMAIL = Q(canonical_email="") & ~Q(customer_email="")
"""The bookings that an older version made; ``fill_canonical_emails`` completes them."""


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
    # The default is for processes of an older version, which do not fill this column.
    canonical_email = models.TextField(
        default="",
        db_default="",
        blank=True,
        editable=False,
        help_text="The form of the address that is searched for and compared",
    )
    partner = models.CharField(
        max_length=100,
        default="",
        db_default="",
        blank=True,
        editable=False,
        help_text="Id of the partner whose key made the booking; empty without keys",
    )
    status = models.CharField(max_length=20, choices=Status)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions = (("cancel_booking", "Can cancel bookings and return their seats"),)
        indexes = (
            models.Index(fields=["-created_at", "-id"], name="booking_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="booking_status"),
            models.Index(
                fields=["canonical_email", "-created_at", "-id"], name="booking_canonical_email"
            ),
            # Bookings without a partner, and so a server without keys, do not pay for these.
            models.Index(
                fields=["partner", "-created_at", "-id"],
                condition=~Q(partner=""),
                name="booking_partner",
            ),
            models.Index(
                fields=["partner", "status", "-created_at", "-id"],
                condition=~Q(partner=""),
                name="booking_partner_status",
            ),
            models.Index(
                fields=["id"], condition=WITHOUT_CANONICAL_EMAIL, name="booking_email_not_canonical"
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=["confirmed", "cancelled"]), name="booking_status_known"
            ),
            models.CheckConstraint(
                condition=Q(canonical_email="") | ~Q(customer_email=""),
                name="booking_both_emails_erased",
            ),
        )
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return str(self.id)

    @cached_property
    def booked_items(self) -> "list[Reservation]":
        """Its items with their events, in the order of the request."""
        return list(self.items.select_related("event").order_by("pk"))

    @property
    def total_tickets(self) -> int:
        """The total number of seats of its items."""
        return sum(item.seats for item in self.booked_items)


def fill_canonical_emails(bookings: "models.Manager[Booking]") -> None:
    """Complete the bookings that were made by an older version, in short transactions.

    Bookings that another transaction has locked are left for the next call.
    """
    incomplete = bookings.filter(WITHOUT_CANONICAL_EMAIL).order_by("pk")
    incomplete = incomplete.select_for_update(skip_locked=True, no_key=True)
    filled = _fill(incomplete)
    while len(filled) == _CHUNK:
        filled = _fill(incomplete.filter(pk__gt=filled[-1]))


def _fill(incomplete: "models.QuerySet[Booking]") -> list[UUID]:
    """Complete the first bookings; return their primary keys."""
    with transaction.atomic():
        rows = list(incomplete.values_list("pk", "customer_email")[:_CHUNK])
        values = [{"id": pk, "canonical_email": canonicalise(email)} for pk, email in rows]
        with connection.cursor() as cursor:
            # ``bulk_update`` takes 6 times as long: 6 minutes for a million bookings.
            update = sql.update_from_json(incomplete.model, ("id", "canonical_email"))
            cursor.execute(update, [orjson.dumps(values).decode()])
    return [pk for pk, _ in rows]
