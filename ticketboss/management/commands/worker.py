"""``manage.py worker``: run the jobs for e-mails and maintenance."""

import asyncio
import signal
from contextlib import closing
from types import FrameType
from typing import Any, NoReturn

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from reservations.schema import is_migrated
from ticketboss.jobs.worker import JobWorker
from ticketboss.serving import bootstrap
from ticketboss.serving.supervisor import STOP_SIGNALS

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run queued and periodic jobs until a stop signal."""

    help = "Send e-mails, release expired holds and run maintenance until Ctrl-C or SIGTERM"

    def handle(self, **options: Any) -> None:
        """Run jobs until SIGINT, SIGTERM or SIGHUP; start the embedded database if needed."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._exit)  # Until JobWorker installs its handlers.
        if settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend"):
            log.warning("worker.no_mail_server", meaning="e-mails are not sent; set EMAIL_URL")
        with bootstrap.running_database():
            asyncio.run(JobWorker(_check_database).run())
            bootstrap.close_connections()

    def _exit(self, number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)


def _check_database() -> None:
    bootstrap.check_database_connection()
    with closing(connection):
        if not is_migrated():
            raise CommandError("the database lacks migrations: run manage.py migrate")
