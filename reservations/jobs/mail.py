"""The job that sends e-mails about bookings."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from uuid import UUID

import structlog
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import InterfaceError, OperationalError
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from reservations.jobs import mail_limit
from reservations.jobs.mail_limit import MailDropped
from reservations.jobs.messages import Kind, compose
from reservations.models import Booking

log = structlog.get_logger(__name__)

QUEUE = "mail"
MAX_RETRIES = 10
_PERMANENT = 500  # SMTP codes from here on are permanent failures (RFC 5321).


class MailDelayed(Exception):
    """Sending failed, but may succeed later."""


class MailUnconfirmed(MailDelayed):
    """The connection failed; if the e-mail was being sent, it may have been accepted."""


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

    Nothing is sent if the booking is missing, its address was erased, or the address has received
    the maximum number of e-mails. A confirmation is not sent if the booking has been cancelled in
    the meantime.

    Raises:
        MailDelayed: the job is retried.
        MailRefused: the job fails and is not retried automatically.
    """
    booking = Booking.objects.filter(pk=UUID(booking_id)).first()
    if booking is None or not booking.customer_email:
        return
    if kind == "booked" and booking.status == Booking.Status.CANCELLED:
        return
    try:
        _deliver(booking, kind)
    except MailDropped as error:
        log.warning("mail.dropped", booking=booking_id, kind=kind, reason=str(error))
    except (MailDelayed, MailRefused) as error:
        log.warning("mail.not_sent", booking=booking_id, kind=kind, reason=str(error))
        mail_limit.record_failure(booking, kind=kind, reason=str(error))
        raise


def _deliver(booking: Booking, kind: Kind) -> None:
    try:
        mail = compose(booking, kind=kind)
    except ValueError as error:
        raise MailRefused(str(error)) from None
    mail.connection = get_connection()
    try:
        # Connect before the e-mail is counted: while the mail server is down, none is.
        with _translated_errors():
            mail.connection.open()
        mail_limit.claim(booking, kind=kind)
        _send(mail, booking, kind)
    finally:
        with suppress(SMTPException, OSError):
            mail.connection.close()


def _send(mail: EmailMultiAlternatives, booking: Booking, kind: Kind) -> None:
    try:
        with _translated_errors():
            mail.send()
    except MailUnconfirmed:
        raise
    except (MailDelayed, MailRefused):
        mail_limit.return_claim(booking, kind=kind)
        raise
    mail_limit.record_sent(booking, kind=kind)


@contextmanager
def _translated_errors() -> Iterator[None]:
    # The response of a mail server may contain the address, so only its code is logged.
    try:
        yield
    except SMTPRecipientsRefused as error:
        [(code, _)] = error.recipients.values()
        failure = MailRefused if code >= _PERMANENT else MailDelayed
        raise failure(f"the recipient was refused with {code}") from None
    except SMTPResponseException as error:
        raise MailDelayed(f"{type(error).__name__} {error.smtp_code}") from None
    except (SMTPException, OSError) as error:
        raise MailUnconfirmed(type(error).__name__) from None
