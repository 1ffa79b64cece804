"""The e-mails about bookings that were sent recently, or could not be sent."""

from typing import ClassVar

from django.db import models

from reservations.models.booking import Booking


class BookingMail(models.Model):
    """What became of an e-mail about a booking; written by the worker, and pruned.

    It counts the e-mails to an address, and tells staff why one was not sent.
    """

    booking = models.ForeignKey(
        Booking, on_delete=models.CASCADE, related_name="mails", db_index=False
    )
    kind = models.CharField(max_length=20)
    recipient = models.TextField(
        blank=True, help_text="Canonical form of the address; erased on request"
    )
    sends = models.PositiveSmallIntegerField(
        default=0, help_text="How often the mail server has accepted it, or may have"
    )
    failure = models.CharField(
        max_length=200, blank=True, help_text="Why it was not sent; empty once it is sent"
    )
    at = models.DateTimeField(help_text="Time of the last attempt")

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=["recipient", "at"], name="bookingmail_recipient"),)
        constraints = (
            models.UniqueConstraint(fields=["booking", "kind"], name="bookingmail_unique"),
        )
        ordering: ClassVar = ["at"]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.kind}"
