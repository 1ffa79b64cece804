"""The job worker that ``manage.py worker`` runs."""

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
from procrastinate.app import WorkerOptions
from procrastinate.contrib.django import app, connector_params
from procrastinate.exceptions import ConnectorException

from reservations.jobs.mail import MailDelayed, MailRefused
from ticketboss.jobs.queue_worker import QueueWorker
from ticketboss.serving.supervisor import STOP_SIGNALS

log = structlog.get_logger(__name__)

# With the time to stop the database, shutdown stays under 10 seconds, as for gunicorn.
_GRACE_SECONDS = 8
_RETRY_SECONDS = 2
_DATABASE_ERRORS = (ConnectorException, OperationalError, InterfaceError, psycopg.OperationalError)


class JobWorker:
    """Runs jobs until SIGINT, SIGTERM or SIGHUP, and reconnects whenever the database is lost.

    Args:
        check_database: called before each connection attempt; raises ``CommandError`` with the
            reason while the database is unreachable. May block.
    """

    def __init__(self, check_database: Callable[[], None]) -> None:
        self._check_database = check_database
        self._stop = asyncio.Event()
        self._database_lost = False

    async def run(self) -> None:
        """Run jobs until a stop signal, then let running jobs finish for at most 8 seconds."""
        _silence_repeated_database_errors()
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._request_stop)
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(self._check_database)
                await self._run_until_stopped()
            except (CommandError, *_DATABASE_ERRORS) as error:
                self._log_database_lost(error)
            await self._wait_before_retry()

    def _request_stop(self) -> None:
        if not self._stop.is_set():
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, _abandon_jobs)
            self._stop.set()

    async def _run_until_stopped(self) -> None:
        """Connect and run a worker per queue until a stop is requested or one of them ends."""
        # One connection per queue to fetch jobs and store results, and a spare one.
        connector = PsycopgConnector(
            kwargs=connector_params(),
            min_size=1,
            max_size=3,
            timeout=settings.REQUEST_TIMEOUT,
            reconnect_timeout=settings.REQUEST_TIMEOUT,
        )
        with app.replace_connector(connector):
            async with app.open_async():
                app.perform_import_paths()  # type: ignore[no-untyped-call]
                self._log_database_back()
                await self._run_queues()

    async def _run_queues(self) -> None:
        stop = asyncio.create_task(self._stop.wait())
        workers = [
            # One e-mail at a time: if the worker is killed, at most one may be sent twice.
            asyncio.create_task(_run_queue("mail", concurrency=1, delete_jobs="successful")),
            # Failed jobs need not be kept: failures are logged, and these jobs are periodic.
            asyncio.create_task(_run_queue("maintenance", concurrency=2, delete_jobs="always")),
        ]
        await asyncio.wait([stop, *workers], return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, *workers):
            task.cancel()
        for result in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _wait_before_retry(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), _RETRY_SECONDS)

    def _log_database_lost(self, error: Exception) -> None:
        if not self._database_lost and not self._stop.is_set():
            log.warning("worker.database_away", reason=_reason(error))
        self._database_lost = True

    def _log_database_back(self) -> None:
        if self._database_lost:
            log.info("worker.database_back")
        self._database_lost = False


async def _run_queue(queue: str, *, concurrency: int, delete_jobs: str) -> None:
    options: WorkerOptions = {
        **app.worker_defaults,
        "name": queue,
        "queues": [queue],
        "concurrency": concurrency,
        "delete_jobs": delete_jobs,
        "install_signal_handlers": False,
        "shutdown_graceful_timeout": _GRACE_SECONDS,
    }
    await QueueWorker(app, **options).run()  # type: ignore[no-untyped-call]


def _abandon_jobs() -> None:
    """Exit although a job is still running. It is retried like a job of a killed worker."""
    log.warning("worker.job_abandoned", seconds=_GRACE_SECONDS)
    logging.shutdown()
    os._exit(0)


def _silence_repeated_database_errors() -> None:
    """Suppress other loggers' errors about a lost database: ``JobWorker`` logs it once.

    They would log it for every connection, query and running job.
    """
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_should_log)


def _should_log(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, MailDelayed | MailRefused):
        return False  # The job has already logged it.
    if not isinstance(error, _DATABASE_ERRORS):
        return True
    record.exc_info = None  # Log no traceback.
    # Keep failed jobs: they may have another cause, for example a statement timeout.
    return getattr(record, "action", "") == "job_error"


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())
