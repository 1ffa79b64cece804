"""The e-mail job: sends, retries if the mail server fails, keeps addresses out of logs."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.utils.timezone import now
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from pytest_django import Settings

from reservations.jobs.mail import MailDelayed
from reservations.models import Booking, Event
from reservations.tests.queued_jobs import (
    EMAIL,
    jobs,
    make_due,
    queue,
    run_jobs,
    store_booking,
)
from reservations.tests.smtp import MailServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_jobs")]

Outbox = list[EmailMultiAlternatives]


def seconds_until_next_attempt() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT scheduled_at - now() FROM procrastinate_jobs WHERE queue_name = 'mail'"
        )
        [(wait,)] = cursor.fetchall()
    assert isinstance(wait, timedelta)
    return wait.total_seconds()


def test_mail_is_sent_and_its_job_deleted(event: Event, mailoutbox: Outbox) -> None:
    booking = store_booking(event, seats=3)
    queue([booking])
    run_jobs()
    [mail] = mailoutbox
    assert mail.to == [EMAIL]
    assert "3 tickets - Node.js Meet-up" in mail.body
    [(html, kind)] = mail.alternatives
    assert (str(booking.pk) in str(html), kind) == (True, "text/html")
    assert jobs() == []


def test_job_queued_under_its_former_name_is_sent(event: Event, mailoutbox: Outbox) -> None:
    queue([store_booking(event)])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs"
            " SET task_name = 'reservations.notifications.jobs.send_booking_mail'"
        )
    run_jobs()
    assert (len(mailoutbox), jobs()) == (1, [])


def test_booking_with_an_erased_address_gets_no_mail(event: Event, mailoutbox: Outbox) -> None:
    queue([store_booking(event)])
    Booking.objects.update(customer_email="", canonical_email="")
    run_jobs()
    assert (mailoutbox, jobs()) == ([], [])


def test_job_of_a_deleted_booking_sends_no_mail(event: Event, mailoutbox: Outbox) -> None:
    booking = store_booking(event)
    queue([booking])
    booking.items.update(booking=None)  # A reservation cannot be deleted.
    booking.delete()
    run_jobs()
    assert (mailoutbox, jobs()) == ([], [])


def test_cancelled_booking_gets_no_confirmation_mail(event: Event, mailoutbox: Outbox) -> None:
    queue([store_booking(event)])
    Booking.objects.update(status="cancelled")
    run_jobs()
    assert (mailoutbox, jobs()) == ([], [])


def test_failed_mail_is_retried_at_growing_intervals(
    event: Event, mail_server: MailServer, settings: Settings
) -> None:
    queue([store_booking(event)])
    settings.EMAIL_PORT = 1  # no mail server
    for attempts, wait in ((1, 3), (2, 9), (3, 27)):
        run_jobs()
        [job] = jobs()
        assert (job.status, job.attempts) == ("todo", attempts)
        assert wait - 2 < seconds_until_next_attempt() <= wait
        run_jobs()  # The job is not due yet.
        assert jobs()[0].attempts == attempts
        make_due()
    settings.EMAIL_PORT = mail_server.port
    run_jobs()
    run_jobs()
    assert [mail["To"] for mail in mail_server.received] == [EMAIL]
    assert jobs() == []


def test_mail_is_retried_for_about_a_day() -> None:
    app.perform_import_paths()
    strategy = app.tasks["reservations.jobs.mail.send_booking_mail"].retry_strategy
    assert strategy
    job = Job(id=1, queue="mail", lock=None, queueing_lock=None, task_name="")
    waits = timedelta()
    for attempts in range(10):
        decision = strategy.get_retry_decision(
            exception=MailDelayed(), job=job.evolve(attempts=attempts)
        )
        assert decision
        assert decision.retry_at
        waits += decision.retry_at - now()
    assert timedelta(hours=20) < waits < timedelta(hours=30)
    last = job.evolve(attempts=10)
    assert strategy.get_retry_decision(exception=MailDelayed(), job=last) is None


def test_job_of_a_mail_that_failed_too_often_is_kept(
    event: Event, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    queue([store_booking(event)])
    mail_server.recipient_answer = "450 later"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 10")
    run_jobs()
    assert [job.status for job in jobs()] == ["failed"]
    assert EMAIL not in caplog.text


@pytest.mark.parametrize(
    ("answer", "status"),
    [("450 mailbox busy", "todo"), ("550 no such user", "failed")],
    ids=["temporary", "permanent"],
)
def test_recipient_is_retried_only_after_a_temporary_refusal(
    event: Event,
    mail_server: MailServer,
    caplog: pytest.LogCaptureFixture,
    answer: str,
    status: str,
) -> None:
    mail_server.recipient_answer = f"{answer} {EMAIL}"
    queue([store_booking(event)])
    run_jobs()
    assert [job.status for job in jobs()] == [status]
    assert f"the recipient was refused with {answer[:3]}" in caplog.text
    assert EMAIL not in caplog.text


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("Ada@STRA\u00dfE.example", "Ada@xn--strae-oqa.example"),
        ("ada@\u03b2\u03cc\u03bb\u03bf\u03c2.example", "ada@xn--nxasmm1c.example"),
        ("ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"),
        ("a{b}|c`d'e/f=g@shop.example", "a{b}|c`d'e/f=g@shop.example"),
    ],
    ids=ascii,
)
def test_envelope_and_header_have_the_domain_that_was_typed(
    event: Event, mail_server: MailServer, typed: str, sent: str
) -> None:
    queue([store_booking(event, email=typed)])
    run_jobs()
    assert mail_server.recipients == [mail["To"] for mail in mail_server.received] == [sent]


def test_failed_mail_does_not_block_the_next(event: Event, mail_server: MailServer) -> None:
    first, second = store_booking(event, email="nobody@shop.example"), store_booking(event)
    queue([first])
    mail_server.recipient_answer = "550 no"
    run_jobs()
    mail_server.recipient_answer = "250 fine"
    queue([second])
    run_jobs()
    assert len(mail_server.received) == 1
