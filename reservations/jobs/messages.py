"""What a customer is told of a booking."""

from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Literal

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.text import Truncator

from reservations.models import Booking

_SUBJECT_LENGTH = 60

Kind = Literal["booked", "cancelled"]
"""What has happened to the booking."""


@dataclass(frozen=True, slots=True)
class Message:
    """The same, three times: in a line, as text, and as a page."""

    subject: str
    text: str
    html: str


def render(booking: Booking, *, kind: Kind) -> Message:
    """Say what has happened to ``booking``, whose items and their events are read."""
    items = sorted(booking.items.all(), key=lambda item: item.pk)
    names = [_one_line(item.event.name) for item in items]
    venues = [_one_line(item.event.venue or "") for item in items]
    context: dict[str, Any] = {
        "cancelled": kind == "cancelled",
        "booking": booking,
        "items": list(zip(items, names, venues, strict=True)),
        "tickets": booking.total_tickets,
    }
    return Message(
        subject=f"{'Cancelled' if kind == 'cancelled' else 'Your tickets'}: {_in_short(names)}",
        text=render_to_string("reservations/mail/booking.txt", context),
        html=render_to_string("reservations/mail/booking.html", context),
    )


def compose(booking: Booking, *, kind: Kind) -> EmailMultiAlternatives:
    """Return the e-mail to the customer, which has the same Message-ID however often it is made."""
    message = render(booking, kind=kind)
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[booking.customer_email],
        headers={
            "Message-ID": f"<{booking.pk}.{kind}@{_domain()}>",
            # No reply by a machine, please: RFC 3834.
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(message.html, "text/html")
    return mail


def _domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]


def _in_short(names: list[str]) -> str:
    """Name the first event, and say how many more there are."""
    first, *others = names
    more = f" and {len(others)} more" if others else ""
    return f"{Truncator(first).chars(_SUBJECT_LENGTH)}{more}"


def _one_line(text: str) -> str:
    """Return ``text`` without breaks, which no header may have."""
    return " ".join(text.split())
