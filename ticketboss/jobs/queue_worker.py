"""A worker that does not depend on the clock of its host."""

from procrastinate.job_context import JobContext, JobResult
from procrastinate.jobs import Job, Status
from procrastinate.retry import RetryDecision
from procrastinate.utils import utcnow
from procrastinate.worker import Worker

from reservations.jobs.schedule import database_time, queue_due_jobs_forever


class QueueWorker(Worker):
    """Procrastinate's worker, but jobs are queued and retried by PostgreSQL's clock.

    That clock decides when a job is due. Procrastinate has no public way to replace the two
    methods; tests fail if it stops calling them.
    """

    async def _periodic_deferrer(self) -> None:
        await queue_due_jobs_forever()

    async def _persist_job_status(
        self,
        job: Job,
        status: Status,
        retry_decision: RetryDecision | None,
        context: JobContext,
        job_result: JobResult | None,
    ) -> None:
        if retry_decision and retry_decision.retry_at:
            delay = retry_decision.retry_at - utcnow()
            retry_decision.retry_at = await database_time() + delay
        await super()._persist_job_status(job, status, retry_decision, context, job_result)
