"""One row for every change to an event's numbers."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from reservations.models.event import Event
from reservations.models.reservation import Reservation


class Change(models.Model):
    """One step in the history of an event: what changed, by how much, and by whom.

    ``(event, version)`` is unique and gap-free, so replaying an event's changes in order must
    give its counters: ``manage.py verify_inventory`` does.
    """

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed"
        HELD = "held"
        HOLD_CONFIRMED = "hold_confirmed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        CAPACITY = "capacity"
        EDITED = "edited"

    # Made in Python, so that it can be looked for when a COMMIT got no answer.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The unique constraint serves as the index of ``event``; only the audit asks for
    # the changes of reservations, of a whole event at once.
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="changes", db_index=False
    )
    version = models.BigIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    seats = models.IntegerField(help_text="Signed change of the available seats")
    available_seats = models.IntegerField(help_text="Available seats after the change")
    reservation = models.ForeignKey(
        Reservation, on_delete=models.PROTECT, related_name="changes", null=True, db_index=False
    )
    actor = models.CharField(max_length=150, help_text="Who asked for it")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions = ("view",)
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
                | Q(kind="edited", seats=0, reservation__isnull=True),
                name="change_kind_fits_seats",
            ),
        )
        ordering: ClassVar = ["event", "-version"]

    def __str__(self) -> str:
        return f"{self.event.slug} v{self.version} {self.kind}"
