"""Periodic maintenance: expired holds, old idempotency records, stalled and old jobs.

No job has a ``lock``: a worker that is killed would keep it until the job that rescues stalled jobs
has run, and that is one of them. The queueing locks keep them from piling up, and two that run at
once do no harm.
"""

from contextlib import suppress
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models.functions import Now
from procrastinate import JobContext, builtin_tasks
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from reservations.errors import Refusal
from reservations.jobs.mail import MAX_RETRIES
from reservations.jobs.mail import QUEUE as MAIL_QUEUE
from reservations.ledger import submit
from reservations.ledger.commands import ReleaseHolds
from reservations.models import IdempotencyRecord, Reservation

log = structlog.get_logger(__name__)

QUEUE = "maintenance"
_CHUNK = 5_000
"""Rows that one statement deletes, so that none takes long."""
_KEPT_HOURS = 30 * 24
"""For so long staff can see jobs that have failed, and try them again."""


@app.periodic(cron="* * * * * */2")
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.release_expired_holds")
def release_expired_holds(timestamp: int) -> None:
    """Return the seats of holds whose time is over, every 2 seconds, event by event."""
    held = Reservation.objects.filter(status=Reservation.Status.HELD, expires_at__lte=Now())
    for slug in held.order_by().values_list("event__slug", flat=True).distinct():
        try:
            submit(ReleaseHolds(event=slug))
        except Refusal as refusal:
            # Whoever buys next at the event releases them; or the next run does.
            log.info("holds.not_released", slug=slug, reason=str(refusal))


@app.periodic(cron="7 * * * *")
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.prune_idempotency_records")
def prune_idempotency_records(timestamp: int) -> None:
    """Forget the answers that nobody may ask for any more, every hour."""
    age = timedelta(hours=settings.IDEMPOTENCY_RETENTION_HOURS)
    old = IdempotencyRecord.objects.filter(created_at__lt=Now() - age).order_by()
    deleted = _CHUNK
    while deleted == _CHUNK:
        deleted, _ = IdempotencyRecord.objects.filter(pk__in=old.values("pk")[:_CHUNK]).delete()


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.rescue_stalled_jobs", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Try the jobs again that a worker took with it when it died, every minute."""
    for job in await context.app.job_manager.get_stalled_jobs():
        log.warning("job.stalled", job=job.id, task=job.task_name)
        # Another worker may be at it too.
        with suppress(ConnectorException):
            await _rescue(context, job)


@app.periodic(cron="23 3 * * *")
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.remove_old_jobs", pass_context=True)
async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
    """Remove jobs that ended long ago, every day."""
    await builtin_tasks.remove_old_jobs(
        context,
        max_hours=_KEPT_HOURS,
        remove_failed=True,
        remove_cancelled=True,
        remove_aborted=True,
    )


async def _rescue(context: JobContext, job: Job) -> None:
    jobs = context.app.job_manager
    if job.queue != MAIL_QUEUE:
        # It comes again by itself.
        await jobs.finish_job(job, status=Status.FAILED, delete_job=True)
    elif job.attempts >= MAX_RETRIES:
        # Perhaps it is what kills the workers.
        await jobs.finish_job(job, status=Status.FAILED, delete_job=False)
    else:
        await jobs.retry_job(job)
