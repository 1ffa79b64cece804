"""Queues e-mails about bookings, in the transaction that makes or cancels them."""

from collections.abc import Sequence

import psycopg
from django.db import connection
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task
from procrastinate.types import JSONDict

from reservations.errors import Refusal
from reservations.ledger.outcomes import Booked, BookingCancelled, Outcome

# The task is referenced by name, because its module is in a higher layer. The connector uses
# Django's connection, so that jobs are queued in the ledger's transaction. The connector of
# procrastinate's app would not: in a worker, it has its own connections.
_mail = configure_task(
    name="reservations.jobs.mail.send_booking_mail",
    job_manager=JobManager(DjangoConnector()),
    queue="mail",
)


def queue_mails(outcomes: Sequence[Outcome | Refusal]) -> None:
    """Queue an e-mail for each booking in ``outcomes`` that was made or cancelled.

    Replayed outcomes and bookings without an address are skipped. All jobs are inserted with one
    statement; if there are none, no statement is executed. A job contains the booking's id, but not
    the address.

    Raises:
        DatabaseError: procrastinate's database errors are re-raised as Django's, which the ledger
            handles like those of its other statements.
    """
    mails: list[JSONDict] = [
        {"booking_id": str(outcome.id), "kind": _kind(outcome)} for outcome in _to_notify(outcomes)
    ]
    if not mails:
        return
    try:
        _mail.batch_defer(*mails)
    except ConnectorException as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error):
            raise
        with connection.wrap_database_errors:
            raise cause.with_traceback(None) from None


def _to_notify(outcomes: Sequence[Outcome | Refusal]) -> list[Booked | BookingCancelled]:
    return [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Booked | BookingCancelled)
        and outcome.customer_email
        and not outcome.replayed
    ]


def _kind(outcome: Booked | BookingCancelled) -> str:
    return "booked" if isinstance(outcome, Booked) else "cancelled"
