"""The worker of a queue, on a host whose clock is wrong or is set while it runs."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from procrastinate import utils
from procrastinate.contrib.django import app

from reservations import sql
from reservations.jobs import mail, schedule
from reservations.tests.factories import EventFactory
from reservations.tests.queued_jobs import clear_jobs, jobs, queue, store_booking, worker_connector
from ticketboss.jobs.queue_worker import QueueWorker

pytestmark = pytest.mark.django_db(transaction=True)

RELEASE = "reservations.jobs.maintenance.release_expired_holds"
EVERY = timedelta(seconds=0.1)


@pytest.fixture(autouse=True)
def no_jobs(transactional_db: None) -> None:
    clear_jobs()
    app.perform_import_paths()


class HostClock:
    """The clock that Python reads, ``offset`` seconds ahead of the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset = 0.0
        real_time, real_utcnow = time.time, utils.utcnow

        def utcnow() -> datetime:
            return real_utcnow() + timedelta(seconds=self.offset)

        monkeypatch.setattr(time, "time", lambda: real_time() + self.offset)
        monkeypatch.setattr(utils, "utcnow", utcnow)
        monkeypatch.setattr("ticketboss.jobs.queue_worker.utcnow", utcnow)


@pytest.fixture
def host_clock(monkeypatch: pytest.MonkeyPatch) -> HostClock:
    return HostClock(monkeypatch)


async def run_worker(queue_name: str, until: Callable[[], bool]) -> None:
    async with app.open_async():
        options: Any = {**app.worker_defaults, "queues": [queue_name], "delete_jobs": "successful"}
        worker = QueueWorker(app, install_signal_handlers=False, **options)
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(30):
            while not until():
                await asyncio.sleep(0.01)
        worker.stop()
        await running


def run_until(queue_name: str, condition: Callable[[], bool]) -> None:
    """Run a worker until ``condition``, which must not query the database, is true."""
    with worker_connector():
        asyncio.run(run_worker(queue_name, condition))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each run of a job that is due every 0.1 s."""
    found: list[int] = []

    def run(timestamp: int) -> None:
        found.append(timestamp)

    monkeypatch.setattr(app.tasks[RELEASE], "func", run)
    monkeypatch.setattr(schedule, "_intervals", {RELEASE: EVERY})
    monkeypatch.setattr(schedule, "_TICK_SECONDS", 0.02)
    return found


@pytest.mark.parametrize("jump", [-300, 86_400], ids=["back-5-minutes", "forward-a-day"])
def test_jobs_run_on_time_when_the_clock_is_set(
    host_clock: HostClock, runs: list[int], jump: float
) -> None:
    def ran_before_and_after() -> bool:
        if len(runs) >= 3:
            host_clock.offset = jump
        return len(runs) >= 8

    started = time.monotonic()
    run_until("maintenance", ran_before_and_after)
    assert len(runs) <= 1 + (time.monotonic() - started) / EVERY.total_seconds()


@pytest.mark.parametrize("offset", [-300, 86_400], ids=["behind", "ahead"])
def test_mail_is_retried_by_the_database_clock(
    host_clock: HostClock, monkeypatch: pytest.MonkeyPatch, offset: float
) -> None:
    tried: list[str] = []

    def send(booking_id: str, kind: str) -> None:
        tried.append(booking_id)
        raise mail.MailDelayed

    monkeypatch.setattr(mail.send_booking_mail, "func", send)
    queue([store_booking(EventFactory.create())])
    host_clock.offset = offset
    before = sql.read_clock()
    run_until("mail", lambda: bool(tried))
    [job] = jobs()
    assert job.scheduled_at is not None
    delay = timedelta(seconds=3)
    assert before + delay <= job.scheduled_at <= sql.read_clock() + delay
