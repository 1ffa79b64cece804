"""The e-mails that outcomes call for, queued in the transaction that brings them about."""

from collections.abc import Sequence

from django.db import connection
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task
from procrastinate.types import JSONDict

from reservations.errors import Refusal
from reservations.ledger.outcomes import Booked, BookingCancelled, Outcome

# By name, since the job's code is in a higher layer; and always on Django's connection, hence in
# the ledger's transaction: while a worker runs, procrastinate's app has connections of its own.
_mail = configure_task(
    name="reservations.jobs.mail.send_booking_mail",
    job_manager=JobManager(DjangoConnector()),
    queue="mail",
)


def queue_mails(outcomes: Sequence[Outcome | Refusal]) -> None:
    """Queue an e-mail for each booking that ``outcomes`` made or cancelled, in one statement.

    None for a repeated outcome, or for a customer whose address was erased; if none is left, no
    statement either. A job says which booking it is about, never who booked.

    Raises:
        DatabaseError: Django's, so that the ledger takes it like that of any other statement.
    """
    mails: list[JSONDict] = [
        {"booking_id": str(outcome.id), "kind": _kind(outcome)} for outcome in _due(outcomes)
    ]
    if not mails:
        return
    try:
        _mail.batch_defer(*mails)
    except ConnectorException as error:
        with connection.wrap_database_errors:
            raise error.__cause__ or error from error


def _due(outcomes: Sequence[Outcome | Refusal]) -> list[Booked | BookingCancelled]:
    return [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Booked | BookingCancelled)
        and outcome.customer_email
        and not outcome.replayed
    ]


def _kind(outcome: Booked | BookingCancelled) -> str:
    return "booked" if isinstance(outcome, Booked) else "cancelled"
