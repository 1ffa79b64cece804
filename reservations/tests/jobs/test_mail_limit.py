"""At most 5 e-mails an hour are sent to one address; the others are dropped and shown to staff."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.mail.backends.smtp import EmailBackend
from django.db.models.functions import Now
from pytest_django import Settings

from reservations.jobs import mail_limit
from reservations.jobs.mail import MailDelayed, MailRefused, send_booking_mail
from reservations.models import Booking, BookingMail, Event
from reservations.privacy import erase_customer
from reservations.tests.concurrency.threads import run_together
from reservations.tests.queued_jobs import jobs, make_due, queue, run_jobs, store_booking
from reservations.tests.smtp import MailServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_jobs")]

TOO_MANY = "more than 5 in an hour to this address"
NOTATIONS = ["ada@B\u00dcCHER.example", "Ada@xn--bcher-kva.example", "ada@b\u00fccher.example"]


def store_bookings(event: Event, number: int) -> list[Booking]:
    """Store bookings of one customer, whose address is written in different ways."""
    return [store_booking(event, email=NOTATIONS[n % 3]) for n in range(number)]


def send(booking: Booking) -> None:
    send_booking_mail(booking_id=str(booking.pk), kind="booked")


def failures() -> Sequence[str]:
    return sorted(BookingMail.objects.exclude(failure="").values_list("failure", flat=True))


def test_sixth_mail_in_an_hour_is_dropped_and_recorded(
    event: Event, mailoutbox: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    bookings = store_bookings(event, 6)
    queue(bookings)
    queue([store_booking(event, email="grace@shop.example")])
    run_jobs()
    assert (len(mailoutbox), jobs()) == (6, [])
    assert {address for sent in mailoutbox for address in sent.to} == {
        "ada@xn--bcher-kva.example",
        "Ada@xn--bcher-kva.example",
        "grace@shop.example",
    }
    [dropped] = BookingMail.objects.exclude(failure="")
    assert (dropped.booking, dropped.kind, dropped.failure) == (bookings[-1], "booked", TOO_MANY)
    assert f"'booking': '{bookings[-1].pk}'" in caplog.text
    assert "mail.dropped" in caplog.text
    assert "@" not in caplog.text.replace("@ ", "")


def test_cancellations_count_like_confirmations(event: Event, mailoutbox: list[Any]) -> None:
    bookings = store_bookings(event, 3)
    for booking in bookings:
        send(booking)
    Booking.objects.update(status="cancelled")
    for booking in bookings:
        send_booking_mail(booking_id=str(booking.pk), kind="cancelled")
    assert len(mailoutbox) == 5
    assert failures() == [TOO_MANY]


def test_concurrent_workers_do_not_exceed_the_limit(event: Event, mailoutbox: list[Any]) -> None:
    bookings = store_bookings(event, 8)
    run_together([partial(send, booking) for booking in bookings])
    assert len(mailoutbox) == 5
    assert failures() == [TOO_MANY] * 3


def test_mails_older_than_an_hour_do_not_count(event: Event, mailoutbox: list[Any]) -> None:
    for booking in store_bookings(event, 5):
        send(booking)
    BookingMail.objects.update(at=Now() - timedelta(minutes=59))
    send(store_booking(event, email=NOTATIONS[0]))
    assert len(mailoutbox) == 5
    BookingMail.objects.update(at=Now() - timedelta(minutes=61))
    send(store_booking(event, email=NOTATIONS[0]))
    assert len(mailoutbox) == 6


@pytest.mark.parametrize("answer", ["450 later", "550 never"])
def test_refused_mails_do_not_count(event: Event, mail_server: MailServer, answer: str) -> None:
    mail_server.recipient_answer = answer
    for booking in store_bookings(event, 5):
        with pytest.raises((MailDelayed, MailRefused)):
            send(booking)
    mail_server.recipient_answer = "250 fine"
    for booking in store_bookings(event, 6):
        send(booking)
    assert len(mail_server.received) == 5
    assert failures() == [TOO_MANY, *[f"the recipient was refused with {answer[:3]}"] * 5]


def test_retries_count_once(event: Event, mail_server: MailServer) -> None:
    [booking] = store_bookings(event, 1)
    mail_server.recipient_answer = "450 later"
    queue([booking])
    for _ in range(3):
        run_jobs()
        make_due()
    mail_server.recipient_answer = "250 fine"
    run_jobs()
    assert BookingMail.objects.values("sends", "failure").get() == {"sends": 1, "failure": ""}
    assert len(mail_server.received) == 1


def test_mails_count_only_once_the_mail_server_is_up(
    event: Event, mail_server: MailServer, settings: Settings
) -> None:
    bookings = store_bookings(event, 6)
    settings.EMAIL_PORT = 1  # no mail server
    for booking in bookings * 2:
        with pytest.raises(MailDelayed):
            send(booking)
    assert failures() == ["ConnectionRefusedError"] * 6
    settings.EMAIL_PORT = mail_server.port
    for booking in bookings:
        send(booking)
    assert len(mail_server.received) == 5
    assert failures() == [TOO_MANY]


def test_mails_that_may_have_arrived_count_each_time(
    event: Event, mail_server: MailServer, settings: Settings
) -> None:
    [booking] = store_bookings(event, 1)
    settings.EMAIL_TIMEOUT = 0.05
    mail_server.hangs.set()
    for _ in range(5):
        with pytest.raises(MailDelayed):
            send(booking)
    mail_server.hangs.clear()
    send(booking)
    assert len(mail_server.received) == 5
    assert failures() == [TOO_MANY]


def test_mail_counts_again_after_the_worker_was_killed(
    event: Event, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    bookings = store_bookings(event, 3)
    with monkeypatch.context() as patch:
        patch.setattr(mail_limit, "record_sent", die)
        for booking in bookings:
            with pytest.raises(Killed):
                send(booking)
    for booking in bookings:
        if len(mailoutbox) < 5:
            send(booking)
    send(store_booking(event, email=NOTATIONS[1]))
    assert len(mailoutbox) == 5
    assert failures() == [TOO_MANY]


def test_address_erased_while_connecting_gets_no_mail(
    event: Event, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = EmailBackend.open

    def erase_and_connect(backend: EmailBackend) -> Any:
        erase_customer(email=NOTATIONS[2])
        return connect(backend)

    monkeypatch.setattr(EmailBackend, "open", erase_and_connect)
    [booking] = store_bookings(event, 1)
    send(booking)
    assert (mail_server.received, BookingMail.objects.count()) == ([], 0)


def test_erasing_a_customer_erases_the_recipients_of_mails(
    event: Event, mailoutbox: list[Any]
) -> None:
    for booking in store_bookings(event, 2):
        send(booking)
    send(store_booking(event, email="grace@shop.example"))
    erase_customer(email=NOTATIONS[2])
    recipients = BookingMail.objects.order_by("recipient").values_list("recipient", flat=True)
    assert list(recipients) == ["", "", "grace@shop.example"]


def test_mail_to_an_address_that_is_no_longer_valid_fails(
    event: Event, mailoutbox: list[Any]
) -> None:
    queue([store_booking(event, email="\u017fam@shop.example")])
    run_jobs()
    assert (mailoutbox, [job.status for job in jobs()]) == ([], ["failed"])
    assert failures() == ["the address is not valid in an e-mail"]


def test_failing_goodbye_of_the_mail_server_is_ignored(
    event: Event, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise an e-mail that was sent would be sent again."""

    def close(backend: EmailBackend) -> None:
        assert backend.connection
        backend.connection.close()
        raise TimeoutError

    monkeypatch.setattr(EmailBackend, "close", close)
    queue(store_bookings(event, 1))
    run_jobs()
    assert (len(mail_server.received), jobs()) == (1, [])
