"""The history of an event: one row for each change."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from reservations.models.event import Event
from reservations.models.reservation import Reservation


class Change(models.Model):
    """A change to an event: its kind, the seats that it returned or took, and who made it.

    The versions of an event are unique and have no gaps. Replaying its changes in order must
    result in its counters; ``manage.py verify_inventory`` checks that.
    """

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed"
        HELD = "held"
        HOLD_CONFIRMED = "hold_confirmed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        CAPACITY = "capacity"
        EDITED = "edited"
        PAUSED = "paused"
        OPENED = "opened"

    AFTER_SALE = (Kind.HOLD_CONFIRMED, Kind.CANCELLED, Kind.EXPIRED)
    """The kinds of changes to a reservation that exists already."""

    # Created in Python, so that the row can be looked up if the response to COMMIT is lost.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # No indexes that each sale would pay for: the unique constraint covers ``event``, and the index
    # by reservation leaves out the changes that made the reservations.
    #
    # No foreign key constraints: each sale would pay for them. Triggers protect the referenced
    # rows instead (docs/decisions/0014).
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="changes",
        db_index=False,
        db_constraint=False,
    )
    version = models.BigIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    seats = models.IntegerField(help_text="Signed change of the available seats")
    available_seats = models.IntegerField(help_text="Available seats after the change")
    reservation = models.ForeignKey(
        Reservation,
        on_delete=models.PROTECT,
        related_name="changes",
        null=True,
        db_index=False,
        db_constraint=False,
    )
    actor = models.CharField(max_length=150, help_text="Who or what caused the change")
    request_id = models.CharField(
        max_length=128,
        default="",
        db_default="",
        blank=True,
        help_text="Id of the HTTP request that caused the change; empty without one",
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index(
                fields=["reservation"],
                condition=Q(kind__in=["hold_confirmed", "cancelled", "expired"]),
                name="change_after_sale",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["event", "version"], name="change_event_version_unique"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="change_version_positive"),
            models.CheckConstraint(
                condition=Q(available_seats__gte=0), name="change_available_seats_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["confirmed", "held"], seats__lt=0, reservation__isnull=False)
                | Q(kind="hold_confirmed", seats=0, reservation__isnull=False)
                | Q(kind__in=["cancelled", "expired"], seats__gt=0, reservation__isnull=False)
                | Q(kind="capacity", reservation__isnull=True)
                | Q(kind__in=["edited", "paused", "opened"], seats=0, reservation__isnull=True),
                name="change_kind_fits_seats",
            ),
        )
        ordering: ClassVar = ["event", "-version"]

    def __str__(self) -> str:
        return f"{self.event.slug} v{self.version} {self.kind}"
