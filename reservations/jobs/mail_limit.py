"""Limits the e-mails to one address, and records those that were not sent."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from reservations import sql
from reservations.email_addresses import canonicalise
from reservations.jobs.messages import Kind
from reservations.models import Booking, BookingMail

MAX_MAILS = 5
"""Maximum number of e-mails to one address within ``WINDOW``."""
WINDOW = timedelta(hours=1)
TOO_MANY = f"more than {MAX_MAILS} in an hour to this address"


class MailDropped(Exception):
    """The e-mail must not be sent: it would exceed the limit, or its address was erased."""


def claim(booking: Booking, *, kind: Kind) -> None:
    """Count an e-mail that is about to be sent, before it is sent.

    If the worker dies before ``record_failure``, the e-mail stays counted, since it may have been
    sent. Concurrent calls for one address wait for each other.

    Raises:
        MailDropped: it must not be sent; if that is because of the limit, this is recorded.
    """
    recipient = canonicalise(booking.customer_email)
    with transaction.atomic():
        sql.advisory_locks_until_commit(recipient)
        # ``erase_customer`` takes the same lock to erase the recipients of e-mails, last.
        stored = Booking.objects.filter(pk=booking.pk, customer_email=booking.customer_email)
        if not stored.exists():
            raise MailDropped("the address was erased")
        recent = BookingMail.objects.filter(recipient=recipient, at__gt=Now() - WINDOW)
        counts = {(mail.booking_id, mail.kind): mail.sends for mail in recent}
        exceeded = sum(counts.values()) >= MAX_MAILS
        BookingMail.objects.update_or_create(
            booking=booking,
            kind=kind,
            defaults={
                "recipient": recipient,
                "sends": counts.get((booking.pk, kind), 0) + (not exceeded),
                "failure": TOO_MANY if exceeded else "",
                "at": Now(),
            },
        )
    if exceeded:
        raise MailDropped(TOO_MANY)


def record_sent(booking: Booking, *, kind: Kind) -> None:
    """Record that the mail server has accepted the e-mail."""
    _attempts(booking, kind).update(at=Now())


def return_claim(booking: Booking, *, kind: Kind) -> None:
    """Uncount an e-mail that the mail server has certainly not accepted."""
    _attempts(booking, kind).update(sends=F("sends") - 1)


def record_failure(booking: Booking, *, kind: Kind, reason: str) -> None:
    """Record why the e-mail was not sent, for staff."""
    BookingMail.objects.update_or_create(
        booking=booking, kind=kind, defaults={"failure": reason[:200], "at": Now()}
    )


def _attempts(booking: Booking, kind: Kind) -> QuerySet[BookingMail]:
    return BookingMail.objects.filter(booking=booking, kind=kind)
