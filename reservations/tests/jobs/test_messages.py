"""Subject, text, HTML and headers of the e-mails to customers."""

import unicodedata
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from smtplib import SMTP
from string import ascii_letters, digits
from typing import Any, cast
from uuid import UUID

import idna
import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from reservations.email_addresses import canonicalise, to_ascii
from reservations.jobs.messages import compose, render
from reservations.models import Booking, Event, Reservation
from reservations.tests.factories import EventFactory
from reservations.tests.queued_jobs import EMAIL, store_booking

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking() -> Booking:
    """A booking of three tickets for two events."""
    one = EventFactory.create(
        name="Rock & <b>Roll</b>",
        venue='Hall "5" <i>',
        starts_at=datetime(2026, 12, 24, 19, 30, tzinfo=UTC),
    )
    booking = store_booking(one, seats=2)
    other = EventFactory.create(name="Node.js\r\nBcc: x@y.example")
    Reservation.objects.create(event=other, booking=booking, seats=1, status="confirmed")
    return booking


def test_text_lists_the_tickets_with_date_and_venue(booking: Booking) -> None:
    assert render(booking, kind="booked").text == (
        "Hello,\n\n"
        "Thank you for your booking. Here are your tickets:\n\n"
        "2 tickets - Rock & <b>Roll</b>\n"
        "  Thursday, 24 December 2026, 19:30 UTC\n"
        '  Hall "5" <i>\n\n'
        "1 ticket - Node.js Bcc: x@y.example\n\n"
        "3 tickets in total.\n"
        f"Booking {booking.pk}\n"
    )


def test_html_escapes_names_and_venues(booking: Booking) -> None:
    html = render(booking, kind="booked").html
    assert "Rock &amp; &lt;b&gt;Roll&lt;/b&gt;" in html
    assert "Hall &quot;5&quot; &lt;i&gt;" in html
    assert "<b>" not in html
    for part in ("2 tickets", "1 ticket<", "3 tickets", "24 December 2026", str(booking.pk)):
        assert part in html


def test_mail_of_a_cancelled_booking_says_so(booking: Booking) -> None:
    message = render(booking, kind="cancelled")
    assert message.subject == "Cancelled: Rock & <b>Roll</b> and 1 more"
    for body in (message.text, message.html):
        assert "no longer valid" in body
        assert "Thank you" not in body


def header(booking: Booking, name: str, kind: str = "booked") -> str:
    sent: Message = compose(booking, kind=kind).message()  # type: ignore[arg-type]
    return str(sent[name])


def test_repeated_mail_has_the_same_message_id(booking: Booking, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Box <box@shop.example>"
    first = header(booking, "Message-ID")
    assert first == f"<{booking.pk}.booked@shop.example>"
    assert header(Booking.objects.get(), "Message-ID") == first
    assert header(booking, "Message-ID", "cancelled") != first


def test_headers_name_sender_recipient_and_subject(booking: Booking, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Box <box@shop.example>"
    assert header(booking, "To") == EMAIL
    assert header(booking, "From") == "Box <box@shop.example>"
    assert header(booking, "Subject") == "Your tickets: Rock & <b>Roll</b> and 1 more"
    assert header(booking, "Auto-Submitted") == "auto-generated"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Line\r\nBcc: x@y.example\u2028two", "Line Bcc: x@y.example two"),
        ("x" * 200, "x" * 59 + "\u2026"),
    ],
    ids=["line-breaks", "too-long"],
)
def test_subject_has_no_line_breaks_and_is_truncated(event: Event, name: str, shown: str) -> None:
    Event.objects.update(name=name, venue=name)
    message = render(store_booking(event, seats=1), kind="booked")
    assert message.subject == f"Your tickets: {shown}"
    assert "\nBcc" not in message.text


def test_event_without_date_and_venue_shows_only_its_name(event: Event) -> None:
    booking = store_booking(event, seats=1)
    assert "1 ticket - Node.js Meet-up\n\n1 ticket in total" in render(booking, kind="booked").text


atoms = st.text(f"{ascii_letters}{digits}!#$%&'*+-/=?^_`{{|}}~", min_size=1, max_size=12)
# Letters that IDNA 2003, upper-casing or normalisation turn into others, and some that they do not.
labels = st.text(
    "abzABZ019-"
    "\u00fc\u00dc\u00df\u1e9e\u03c3\u03c2\u03a3\u017f\u212a\u0130\u0308\ufb01\u05d0\u0660\u3042\uff41",
    min_size=1,
    max_size=6,
)
domains = st.lists(labels, min_size=1, max_size=3).map(".".join)
addresses = st.builds(
    "{}@{}.{}".format,
    st.lists(atoms, min_size=1, max_size=3).map(".".join),
    domains,
    st.sampled_from(["example", "EXAMPLE", "\u0440\u0444", "xn--p1ai", "com"]),
)


class RecordingSMTP:
    """Stands in for the connection to a mail server."""

    sent: tuple[list[str], Any]

    def sendmail(self, sender: str, recipients: list[str], message: bytes) -> None:
        self.sent = recipients, message_from_bytes(message, policy=policy.default)


def send(mail: EmailMultiAlternatives) -> tuple[list[str], Any]:
    """Send an e-mail with Django's SMTP backend; return the recipients and the message."""
    backend, smtp = EmailBackend(), RecordingSMTP()
    backend.connection = cast("SMTP", smtp)
    assert backend.send_messages([mail]) == 1
    return smtp.sent


@hypothesis_settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=addresses)
def test_mail_goes_to_exactly_the_address_that_was_typed(event: Event, typed: str) -> None:
    if to_ascii(typed) is None:
        return
    local, _, domain = typed.rpartition("@")
    expected = f"{local}@{idna.encode(unicodedata.normalize('NFC', domain.lower())).decode()}"
    booking = Booking(id=UUID(int=1), customer_email=typed)
    booking.booked_items = [Reservation(event=event, seats=1)]
    recipients, message = send(compose(booking, kind="booked"))
    assert message["To"].addresses[0].addr_spec == message["To"] == expected
    assert recipients == [expected]
    for notation in (f"{local.upper()}@{domain}", expected, unicodedata.normalize("NFD", typed)):
        if to_ascii(notation):
            assert canonicalise(notation) == canonicalise(typed) == expected.lower()
