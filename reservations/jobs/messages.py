"""Renders the e-mails about a booking."""

from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Literal

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.text import Truncator

from reservations.email_addresses import to_ascii
from reservations.models import Booking

_SUBJECT_LENGTH = 60

Kind = Literal["booked", "cancelled"]
"""Whether the booking was made or cancelled."""


@dataclass(frozen=True, slots=True)
class Message:
    """The subject of an e-mail, and its body as plain text and as HTML."""

    subject: str
    text: str
    html: str


def render(booking: Booking, *, kind: Kind) -> Message:
    """Render the e-mail about ``booking``."""
    items = booking.booked_items
    names = [_one_line(item.event.name) for item in items]
    venues = [_one_line(item.event.venue or "") for item in items]
    context: dict[str, Any] = {
        "cancelled": kind == "cancelled",
        "booking": booking,
        "items": list(zip(items, names, venues, strict=True)),
        "tickets": booking.total_tickets,
    }
    return Message(
        subject=f"{'Cancelled' if kind == 'cancelled' else 'Your tickets'}: {_summarise(names)}",
        text=render_to_string("reservations/mail/booking.txt", context),
        html=render_to_string("reservations/mail/booking.html", context),
    )


def compose(booking: Booking, *, kind: Kind) -> EmailMultiAlternatives:
    """Return the e-mail to the customer.

    Its Message-ID depends only on the booking and ``kind``, so duplicates can be recognised.

    Raises:
        ValueError: an older version has accepted an address that cannot be used in an e-mail.
    """
    # Django would encode the domain by IDNA 2003, in which some names are those of other domains.
    recipient = to_ascii(booking.customer_email)
    if recipient is None:
        raise ValueError("the address is not valid in an e-mail")
    message = render(booking, kind=kind)
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[recipient],
        headers={
            "Message-ID": f"<{booking.pk}.{kind}@{_domain()}>",
            # Prevents automatic replies (RFC 3834).
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(message.html, "text/html")
    return mail


def _domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]


def _summarise(names: list[str]) -> str:
    """Return the first name, truncated, and the number of further names."""
    first, *others = names
    more = f" and {len(others)} more" if others else ""
    return f"{Truncator(first).chars(_SUBJECT_LENGTH)}{more}"


def _one_line(text: str) -> str:
    """Collapse whitespace: line breaks are not allowed in headers."""
    return " ".join(text.split())
