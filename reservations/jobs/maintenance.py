"""Periodic maintenance: expired holds, old records and security events, stalled and old jobs.

No job has a ``lock``. A killed worker would keep it until ``rescue_stalled_jobs`` has run, which is
one of these jobs. Queueing locks prevent duplicates from accumulating in the queue, and two
concurrent runs of a job do no harm.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from procrastinate import JobContext, builtin_tasks
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from reservations.errors import Refusal
from reservations.jobs.mail import MAX_RETRIES
from reservations.jobs.mail import QUEUE as MAIL_QUEUE
from reservations.jobs.mail_limit import WINDOW
from reservations.jobs.schedule import database_time, periodic
from reservations.ledger import submit
from reservations.ledger.commands import ReleaseHolds
from reservations.models import (
    Booking,
    BookingMail,
    IdempotencyRecord,
    Reservation,
    SecurityEvent,
)
from reservations.models.booking import fill_canonical_emails
from reservations.models.security_event import RETENTION as SECURITY_RETENTION

log = structlog.get_logger(__name__)

QUEUE = "maintenance"
_CHUNK = 5_000
"""Maximum number of rows deleted by one statement, so that each statement is short."""
_RETENTION = timedelta(days=30)
"""How long failed jobs are kept, so that staff can inspect and retry them, and how long staff see
why an e-mail was not sent."""


@periodic(every=timedelta(seconds=2))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.release_expired_holds")
def release_expired_holds(timestamp: int) -> None:
    """Release expired holds, event by event. Runs every 2 seconds."""
    held = Reservation.objects.filter(status=Reservation.Status.HELD, expires_at__lte=Now())
    for slug in held.order_by().values_list("event__slug", flat=True).distinct():
        try:
            submit(ReleaseHolds(event=slug))
        except Refusal as refusal:
            # The next command for the event, or the next run of this job, releases them.
            log.info("holds.not_released", slug=slug, reason=str(refusal))


@periodic(every=timedelta(hours=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.prune_idempotency_records")
def prune_idempotency_records(timestamp: int) -> None:
    """Delete idempotency records older than ``IDEMPOTENCY_RETENTION_HOURS``. Runs every hour."""
    age = timedelta(hours=settings.IDEMPOTENCY_RETENTION_HOURS)
    _delete(IdempotencyRecord.objects.filter(created_at__lt=Now() - age))


@periodic(every=timedelta(hours=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.prune_mails")
def prune_mails(timestamp: int) -> None:
    """Delete the records of old e-mails. Runs every hour.

    Those that were sent are needed for an hour; those that were not, as long as failed jobs.
    """
    sent = Q(failure="", at__lt=Now() - WINDOW)
    _delete(BookingMail.objects.filter(sent | Q(at__lt=Now() - _RETENTION)))


@periodic(every=timedelta(hours=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.complete_bookings")
def complete_bookings(timestamp: int) -> None:
    """Fill in what bookings lack that an older version made during an upgrade. Runs every hour."""
    fill_canonical_emails(Booking.objects)


@periodic(every=timedelta(days=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.prune_security_events")
def prune_security_events(timestamp: int) -> None:
    """Delete security events that are no longer kept. Runs every day."""
    _delete(SecurityEvent.objects.filter(at__lt=Now() - SECURITY_RETENTION))


@periodic(every=timedelta(minutes=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.rescue_stalled_jobs", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Retry the e-mail jobs of dead workers and delete their other jobs. Runs every minute."""
    for job in await context.app.job_manager.get_stalled_jobs():
        log.warning("job.stalled", job=job.id, task=job.task_name)
        # Another worker may be rescuing the same job.
        with suppress(ConnectorException):
            await _rescue(context, job)


@periodic(every=timedelta(days=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    """Delete jobs that ended more than 30 days ago. Runs every day."""
    await builtin_tasks.remove_old_jobs(
        context,
        max_hours=_RETENTION // timedelta(hours=1),
        remove_failed=True,
        remove_cancelled=True,
        remove_aborted=True,
    )


def _delete(old: QuerySet[Any]) -> None:
    """Delete rows in chunks."""
    deleted = _CHUNK
    while deleted == _CHUNK:
        chunk = old.order_by().values("pk")[:_CHUNK]
        deleted, _ = old.model.objects.filter(pk__in=chunk).delete()


async def _rescue(context: JobContext, job: Job) -> None:
    jobs = context.app.job_manager
    if job.queue != MAIL_QUEUE:
        # The jobs of other queues are periodic, so they are queued again anyway.
        await jobs.finish_job(job, status=Status.FAILED, delete_job=True)
    elif job.attempts >= MAX_RETRIES:
        # The job itself may be what kills the workers.
        await jobs.finish_job(job, status=Status.FAILED, delete_job=False)
    else:
        await jobs.retry_job(job, retry_at=await database_time())
