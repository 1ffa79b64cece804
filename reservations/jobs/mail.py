"""The job that sends an e-mail."""

from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from uuid import UUID

import structlog
from django.core.mail import EmailMultiAlternatives
from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from reservations.jobs.messages import Kind, compose
from reservations.models import Booking

log = structlog.get_logger(__name__)

QUEUE = "mail"
MAX_RETRIES = 10
_PERMANENT = 500  # and above: RFC 5321


class MailDelayed(Exception):
    """The mail server did not take the e-mail; it may do so later"""


class MailRefused(Exception):
    """The mail server will never take the e-mail for this address"""


@app.task(
    queue=QUEUE,
    # Jobs that a version before this module had its name has queued.
    aliases=["reservations.notifications.jobs.send_booking_mail"],
    # After 3, 9, 27 ... 59049 seconds, so for a day.
    retry=RetryStrategy(
        max_attempts=MAX_RETRIES,
        exponential_wait=3,
        retry_exceptions=(MailDelayed, OperationalError, InterfaceError),
    ),
)
def send_booking_mail(*, booking_id: str, kind: Kind) -> None:
    """Tell the customer what has happened to a booking, at least once.

    Nobody is told whose address was erased, and nobody that tickets are theirs which have been
    cancelled since.

    Raises:
        MailDelayed: to be tried again.
        MailRefused: not to be tried again by itself.
    """
    booking = _read(UUID(booking_id))
    if booking is None or not booking.customer_email:
        return
    if kind == "booked" and booking.status == Booking.Status.CANCELLED:
        return
    try:
        _send(compose(booking, kind=kind))
    except (MailDelayed, MailRefused) as error:
        log.warning("mail.not_sent", booking=booking_id, kind=kind, reason=str(error))
        raise


def _read(booking_id: UUID) -> Booking | None:
    return Booking.objects.prefetch_related("items__event").filter(pk=booking_id).first()


def _send(mail: EmailMultiAlternatives) -> None:
    # What a mail server says may repeat the address: none of it goes into a log.
    try:
        mail.send()
    except SMTPRecipientsRefused as error:
        [(code, _)] = error.recipients.values()
        kind = MailRefused if code >= _PERMANENT else MailDelayed
        raise kind(f"the recipient was refused with {code}") from None
    except (SMTPException, OSError) as error:
        said = f" {error.smtp_code}" if isinstance(error, SMTPResponseException) else ""
        raise MailDelayed(f"{type(error).__name__}{said}") from None
    except ValueError:
        raise MailRefused("the address cannot be written in an e-mail") from None
