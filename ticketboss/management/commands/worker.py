"""``manage.py worker``: e-mails and maintenance."""

import asyncio
import signal
from types import FrameType
from typing import Any, NoReturn

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ticketboss.embedded_postgres.install import EmbeddedPostgresError
from ticketboss.jobs.worker import JobWorker
from ticketboss.serving import bootstrap
from ticketboss.serving.supervisor import STOPPING

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run the jobs that the server has queued, and those that come round by the clock."""

    help = "Send e-mails, release expired holds and do maintenance, until Ctrl-C or SIGTERM"

    def handle(self, **options: Any) -> None:
        """Work until told to stop."""
        for number in STOPPING:
            signal.signal(number, self._leave)  # Until the worker takes it.
        if settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend"):
            log.warning("worker.no_mail_server", meaning="e-mails go nowhere; set EMAIL_URL")
        with bootstrap.running_database():
            asyncio.run(JobWorker(_reach_database).run())
            bootstrap.disconnect()

    def _leave(self, number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)


def _reach_database() -> None:
    cluster = bootstrap.embedded_cluster()
    try:
        if cluster:
            cluster.start()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error
    bootstrap.reach_database()
