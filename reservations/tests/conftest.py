"""Fixtures shared by the app's tests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from rest_framework.test import APIClient

from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.assertions import assert_no_drift
from reservations.tests.factories import EventFactory
from reservations.tests.queued_jobs import clear_jobs


@pytest.fixture
def event(db: None) -> Event:
    """The default event, with 10 seats."""
    Event.objects.filter(slug=DEFAULT_EVENT).delete()  # the migration's, if none has flushed it
    return EventFactory.create(slug=DEFAULT_EVENT, name="Node.js Meet-up")


@pytest.fixture
def client() -> APIClient:
    """A program that calls the API."""
    return APIClient()


@pytest.fixture(params=["/reservations", "/api/reservations", "/api/demo/reservations"])
def mount(request: pytest.FixtureRequest) -> str:
    """Each place where the reservations family is mounted."""
    return str(request.param)


@pytest.fixture(params=["", "/"], ids=["bare", "slash"])
def slash(request: pytest.FixtureRequest) -> str:
    """The end of a path: every route works with and without a slash."""
    return str(request.param)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads, enough for all that a test runs at once."""
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def no_drift(transactional_db: None) -> Iterator[None]:
    """Whatever the test did, every event's history gives its figures."""
    yield
    assert_no_drift()


@pytest.fixture
def no_jobs(transactional_db: None) -> Iterator[None]:
    """An empty queue, before and afterwards."""
    clear_jobs()
    yield
    clear_jobs()
