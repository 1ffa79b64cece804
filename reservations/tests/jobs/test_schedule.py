"""Which periodic jobs are queued, and when: each once per interval, by PostgreSQL's clock."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db.models.functions import Now
from procrastinate.contrib.django import app

from reservations import sql
from reservations.jobs import schedule
from reservations.models import PeriodicJob
from reservations.tests.database import second_connection
from reservations.tests.queued_jobs import clear_jobs, jobs, worker_connector

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_jobs")]

DAILY = "reservations.jobs.maintenance.remove_old_jobs"
HOURLY = "reservations.jobs.maintenance.prune_idempotency_records"
INTERVALS = {DAILY: timedelta(days=1), HOURLY: timedelta(hours=1)}


@pytest.fixture(autouse=True)
def intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    app.perform_import_paths()
    monkeypatch.setattr(schedule, "_intervals", INTERVALS)


async def queue_and_close() -> None:
    async with app.open_async():
        await schedule.queue_due_jobs()


def queue_due_jobs() -> list[str]:
    """Queue the due jobs as a worker does; return the names of the tasks that are now waiting."""
    with worker_connector():
        asyncio.run(queue_and_close())
    return sorted(job.task_name for job in jobs("maintenance"))


def set_last_queued(task: str, age: timedelta) -> None:
    """Let ``task`` have been queued the given time ago, and the other just now."""
    for name, every in INTERVALS.items():
        PeriodicJob.objects.create(task=name, every=every, queued_at=Now())
    PeriodicJob.objects.filter(pk=task).update(queued_at=Now() - age)


def test_first_worker_queues_every_job() -> None:
    assert queue_due_jobs() == [HOURLY, DAILY]
    assert queue_due_jobs() == [HOURLY, DAILY]
    assert {job.task_name: job.args["timestamp"] for job in jobs("maintenance")} == {
        job.task: pytest.approx(job.queued_at.timestamp(), abs=1)
        for job in PeriodicJob.objects.all()
    }


@pytest.mark.parametrize("task", [HOURLY, DAILY])
@pytest.mark.parametrize(
    ("age", "due"),
    [
        (0.9, False),
        (1.1, True),
        (1000, True),  # The clock was set forward, or all workers were stopped or suspended.
        (-0.1, True),  # The clock was set back.
        (-1000, True),
    ],
)
def test_job_is_queued_once_whatever_the_clock(task: str, age: float, *, due: bool) -> None:
    set_last_queued(task, INTERVALS[task] * age)
    assert queue_due_jobs() == [task] * due
    clear_jobs()  # As if the job had run.
    assert queue_due_jobs() == []


def test_job_still_waiting_is_not_queued_again() -> None:
    app.tasks[HOURLY].defer(timestamp=0)
    assert queue_due_jobs() == [HOURLY, DAILY]


def test_new_interval_takes_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    set_last_queued(DAILY, timedelta(hours=2))
    PeriodicJob.objects.filter(pk=HOURLY).update(every=timedelta(days=7))
    assert queue_due_jobs() == []
    monkeypatch.setitem(schedule._intervals, DAILY, timedelta(hours=1))
    assert queue_due_jobs() == [DAILY]


@pytest.mark.parametrize("age", [None, timedelta(days=3), timedelta(days=-3)])
def test_concurrent_workers_queue_a_job_once(age: timedelta | None) -> None:
    if age:
        set_last_queued(DAILY, age)
        PeriodicJob.objects.update(queued_at=Now() - age)
    barrier = Barrier(8)

    def claim(_: int) -> list[str]:
        with second_connection(autocommit=True) as worker:
            barrier.wait()
            arguments = {"tasks": list(INTERVALS), "intervals": list(INTERVALS.values())}
            statement = sql.claim_periodic_jobs(PeriodicJob)
            return [task for task, _ in worker.execute(statement, arguments).fetchall()]

    with ThreadPoolExecutor(8) as pool:
        claimed = [task for tasks in pool.map(claim, range(8)) for task in tasks]
    assert sorted(claimed) == [HOURLY, DAILY]


def test_no_job_follows_the_clock_of_its_host() -> None:
    """The worker ignores ``app.periodic``, procrastinate's own schedule."""
    assert not app.periodic_registry.periodic_tasks
