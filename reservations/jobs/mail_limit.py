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

    If the worker dies before ``return_claim``, the e-mail stays counted, since it may have been
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
        failure = _count(booking, kind, recipient)
    if failure:
        raise MailDropped(failure)


def _count(booking: Booking, kind: Kind, recipient: str) -> str:
    """Count the e-mail, or record why it must not be sent; return the reason."""
    recent = BookingMail.objects.filter(recipient=recipient, at__gt=Now() - WINDOW, sends__gt=0)
    sends = {(mail.booking_id, mail.kind): mail.sends for mail in recent}
    failure = TOO_MANY if sum(sends.values()) >= MAX_MAILS else ""
    BookingMail.objects.update_or_create(
        booking=booking,
        kind=kind,
        defaults={
            "recipient": recipient,
            "sends": sends.get((booking.pk, kind), 0) + (not failure),
            "failure": failure,
            "at": Now(),
        },
    )
    return failure


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
