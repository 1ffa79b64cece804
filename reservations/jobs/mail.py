"""The job that sends e-mails about bookings."""

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
_PERMANENT = 500  # SMTP codes from here on are permanent failures (RFC 5321).


class MailDelayed(Exception):
    """Sending failed, but may succeed later."""


class MailRefused(Exception):
    """The e-mail cannot be sent to this address, now or later."""


@app.task(
    queue=QUEUE,
    # The name before this module was renamed; jobs queued by older versions have it.
    aliases=["reservations.notifications.jobs.send_booking_mail"],
    # Retries after 3, 9, 27 ... 59049 seconds, about a day in total.
    retry=RetryStrategy(
        max_attempts=MAX_RETRIES,
        exponential_wait=3,
        retry_exceptions=(MailDelayed, OperationalError, InterfaceError),
    ),
)
def send_booking_mail(*, booking_id: str, kind: Kind) -> None:
    """E-mail the customer that a booking was made or cancelled, at least once.

    Nothing is sent if the booking is missing or its address was erased. A confirmation is not sent
    if the booking has been cancelled in the meantime.

    Raises:
        MailDelayed: the job is retried.
        MailRefused: the job fails and is not retried automatically.
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
    # The response of a mail server may contain the address, so only its code is logged.
    try:
        mail.send()
    except SMTPRecipientsRefused as error:
        [(code, _)] = error.recipients.values()
        kind = MailRefused if code >= _PERMANENT else MailDelayed
        raise kind(f"the recipient was refused with {code}") from None
    except (SMTPException, OSError) as error:
        suffix = f" {error.smtp_code}" if isinstance(error, SMTPResponseException) else ""
        raise MailDelayed(f"{type(error).__name__}{suffix}") from None
    except ValueError:
        raise MailRefused("the address is not valid in an e-mail header") from None
