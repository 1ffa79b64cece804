"""Queues the periodic jobs.

Procrastinate's own schedule follows the clock of the worker's host: if it is set back, no job runs
until it has caught up, and if it is set forward, every run in between is made up for. This one asks
PostgreSQL which jobs are due, once a second by the monotonic clock. PostgreSQL stores when each job
was last queued, so several workers queue it once, and after any pause it runs once.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.tasks import Task

from reservations import sql
from reservations.models import PeriodicJob

AnyTask = TypeVar("AnyTask", bound=Task[Any, Any, Any])

_TICK_SECONDS = 1
_intervals: dict[str, timedelta] = {}


def periodic(*, every: timedelta) -> Callable[[AnyTask], AnyTask]:
    """Queue the decorated task whenever ``every`` has passed since it was last queued.

    The task needs a queueing lock: it is not queued while its last job is still waiting. Its
    argument ``timestamp`` is the time at which it was queued, in Unix seconds.
    """

    def register(task: AnyTask) -> AnyTask:
        _intervals[task.name] = every
        return task

    return register


async def queue_due_jobs_forever() -> None:
    """Queue each periodic job within a second of being due.

    Raises:
        ConnectorException: the database cannot be reached, or the statement failed.
    """
    while True:
        await queue_due_jobs()
        await asyncio.sleep(_TICK_SECONDS)


async def queue_due_jobs() -> None:
    """Queue the periodic jobs that are due and that no other worker has queued."""
    claims = await app.connector.execute_query_all_async(
        sql.claim_periodic_jobs(PeriodicJob),
        tasks=list(_intervals),
        intervals=list(_intervals.values()),
    )
    for claim in claims:
        with suppress(AlreadyEnqueued):
            await app.tasks[claim["task"]].defer_async(timestamp=claim["timestamp"])


async def database_time() -> datetime:
    """Return PostgreSQL's time, which decides when a job is due; hosts' clocks differ from it."""
    row = await app.connector.execute_query_one_async(sql.READ_CLOCK)
    now: datetime = row["clock_timestamp"]
    return now
