"""E-mails are queued in the transaction of the booking."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, transaction
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app, connector_params
from psycopg.errors import LockNotAvailable
from uuid_utils.compat import uuid7

from reservations.errors import Busy, Refusal
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import execute, submit, submit_batch
from reservations.ledger.commands import CancelBooking
from reservations.ledger.outbox import queue_mails
from reservations.ledger.outcomes import BookingCancelled, Outcome, Reserved
from reservations.models import Event
from reservations.tests.database import second_connection, session_setting
from reservations.tests.factories import booking_of, reserve
from reservations.tests.queued_jobs import EMAIL, booked, jobs, store_booking

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_jobs")]

NumQueries = Callable[[int], Any]


def kinds() -> list[str]:
    return [job.args["kind"] for job in jobs()]


def test_committed_bookings_and_cancels_are_queued_once(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No e-mail is queued for a repeated or refused command, or after a rollback."""
    key = IdempotencyKey(scope="s", key="k", fingerprint="f")
    command = replace(booking_of(event), idempotency_key=key)
    for _ in range(2):
        submit(command)
    assert kinds() == ["booked"]
    for _ in range(2):
        submit_batch([CancelBooking(booking_id=command.booking_id, actor="test")])
    submit_batch([booking_of((event, 11))])
    reserve(event)
    assert kinds() == ["booked", "cancelled"]
    monkeypatch.setattr(execute, "queue_mails", queue_then_crash)
    with pytest.raises(RuntimeError, match="crashed"):
        submit(booking_of(event))
    assert kinds() == ["booked", "cancelled"]


def queue_then_crash(outcomes: Sequence[Outcome | Refusal]) -> None:
    queue_mails(outcomes)
    assert kinds() == ["booked", "cancelled", "booked"]
    raise RuntimeError("crashed before COMMIT")


def test_several_mails_are_queued_in_one_statement(
    event: Event, django_assert_num_queries: NumQueries
) -> None:
    outcomes = [booked(store_booking(event)) for _ in range(3)]
    with transaction.atomic(), django_assert_num_queries(1):
        queue_mails(outcomes)
    assert [(job.task_name, job.status, job.args) for job in jobs()] == [
        (
            "reservations.jobs.mail.send_booking_mail",
            "todo",
            {"booking_id": str(outcome.id), "kind": "booked"},
        )
        for outcome in outcomes
    ]


def test_queued_task_is_registered(event: Event) -> None:
    queue_mails([booked(store_booking(event))])
    app.perform_import_paths()
    assert jobs()[0].task_name in app.tasks


def test_cancelled_booking_queues_a_mail(event: Event) -> None:
    outcome = booked(store_booking(event))
    cancelled = BookingCancelled(
        outcome.id, outcome.customer_email, outcome.created_at, outcome.booked_items
    )
    queue_mails([cancelled])
    assert [job.args["kind"] for job in jobs()] == ["cancelled"]


def test_outcomes_without_a_mail_cost_no_query(
    event: Event, django_assert_num_queries: NumQueries
) -> None:
    outcome = booked(store_booking(event))
    without_mail: list[Outcome | Busy] = [
        replace(outcome, replayed=True),
        replace(outcome, customer_email=""),
        Reserved(uuid7(), 1),
        Busy(),
    ]
    with django_assert_num_queries(0):
        queue_mails(without_mail)
        queue_mails([])


def test_rolled_back_transaction_queues_nothing(event: Event) -> None:
    outcome = booked(store_booking(event))
    with transaction.atomic():
        queue_mails([outcome])
        assert len(jobs()) == 1
        transaction.set_rollback(True)
    assert jobs() == []


def test_worker_queues_mails_in_the_ledgers_transaction(event: Event) -> None:
    outcome = booked(store_booking(event))
    workers = PsycopgConnector(kwargs=connector_params())
    with app.replace_connector(workers), transaction.atomic():
        queue_mails([outcome])
        assert len(jobs()) == 1
        transaction.set_rollback(True)
    assert jobs() == []


def test_job_does_not_contain_the_customers_address(event: Event) -> None:
    queue_mails([booked(store_booking(event))])
    [job] = jobs()
    assert EMAIL.lower() not in str(vars(job)).lower()


def test_database_failure_is_raised_as_a_django_error(event: Event) -> None:
    outcome = booked(store_booking(event))
    with second_connection() as other, session_setting("lock_timeout", "50ms"):
        other.execute("LOCK TABLE procrastinate_jobs")
        with pytest.raises(OperationalError, match="lock timeout") as raised:
            queue_mails([outcome])
    # A chain of causes that ends; a cycle could not be logged completely.
    assert isinstance(raised.value.__cause__, LockNotAvailable)
    assert raised.value.__cause__.__cause__ is None
