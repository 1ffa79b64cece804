"""What ``manage.py worker`` runs: all jobs, until it is told to stop."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress

import psycopg
import structlog
from django.conf import settings
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app, connector_params
from procrastinate.exceptions import ConnectorException

from reservations.jobs.mail import MailDelayed, MailRefused
from ticketboss.serving.supervisor import STOPPING

log = structlog.get_logger(__name__)

# With the database's own, a stop stays under 10 s, as that of gunicorn does.
_GRACE_SECONDS = 8
_PAUSE_SECONDS = 2
_LOST = (ConnectorException, OperationalError, InterfaceError, psycopg.OperationalError)


class JobWorker:
    """Runs the jobs until SIGINT, SIGTERM or SIGHUP, however often the database goes away.

    ``reach_database`` raises ``CommandError`` with the reason while it is away.
    """

    def __init__(self, reach_database: Callable[[], None]) -> None:
        self._reach_database = reach_database
        self._stop = asyncio.Event()
        self._away = False

    async def run(self) -> None:
        """Work, and let the job in hand finish when told to stop."""
        _say_once_that_the_database_is_lost()
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self._begin_to_stop)
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(self._reach_database)
                await self._work()
            except (CommandError, *_LOST) as error:
                self._say_away(error)
            await self._pause()

    def _begin_to_stop(self) -> None:
        if not self._stop.is_set():
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, _abandon)
            self._stop.set()

    async def _work(self) -> None:
        """Run a worker for each queue until one ends, or all shall."""
        # One connection to fetch and note jobs for each, and one in reserve.
        connector = PsycopgConnector(
            kwargs=connector_params(),
            min_size=1,
            max_size=3,
            timeout=settings.DATABASE_POOL_TIMEOUT,
            reconnect_timeout=settings.DATABASE_POOL_TIMEOUT,
        )
        with app.replace_connector(connector):
            async with app.open_async():
                self._say_back()
                await self._run_queues()

    async def _run_queues(self) -> None:
        stop = asyncio.create_task(self._stop.wait())
        workers = [
            # One e-mail at a time: a worker that is killed leaves one in doubt, not several.
            asyncio.create_task(_run_queue("mail", concurrency=1, delete_jobs="successful")),
            # What fails here is logged, and comes again by itself.
            asyncio.create_task(_run_queue("maintenance", concurrency=2, delete_jobs="always")),
        ]
        await asyncio.wait([stop, *workers], return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, *workers):
            task.cancel()
        for ended in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), _PAUSE_SECONDS)

    def _say_away(self, error: Exception) -> None:
        if not self._away and not self._stop.is_set():
            log.warning("worker.database_away", reason=_reason(error))
        self._away = True

    def _say_back(self) -> None:
        if self._away:
            log.info("worker.database_back")
        self._away = False


async def _run_queue(queue: str, *, concurrency: int, delete_jobs: str) -> None:
    await app.run_worker_async(
        name=queue,
        queues=[queue],
        concurrency=concurrency,
        delete_jobs=delete_jobs,
        install_signal_handlers=False,
        shutdown_graceful_timeout=_GRACE_SECONDS,
    )


def _abandon() -> None:
    """End although a job does not: it is taken up again, like that of a worker that was killed."""
    log.warning("worker.job_abandoned", seconds=_GRACE_SECONDS)
    logging.shutdown()
    os._exit(0)


def _say_once_that_the_database_is_lost() -> None:
    """Leave it to this module: others say it for every connection, query and job in hand."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, MailDelayed | MailRefused):
        return False  # The job itself has said so.
    if not isinstance(error, _LOST):
        return True
    record.exc_info = None
    # A job that failed may have another reason, a statement that took too long for one.
    return getattr(record, "action", "") == "job_error"


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())
