"""Fixtures for jobs and e-mails."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from reservations.tests.queued_jobs import clear_jobs
from reservations.tests.smtp import MailServer


@pytest.fixture
def no_jobs(transactional_db: None) -> Iterator[None]:
    """An empty queue, before and afterwards."""
    clear_jobs()
    yield
    clear_jobs()


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """A mail server that this process sends to."""
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = server.port
        yield server
