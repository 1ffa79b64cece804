"""Fixtures shared by the tests of the app."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from pytest_django import Settings
from rest_framework.test import APIClient

from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.assertions import assert_no_drift
from reservations.tests.factories import EventFactory, forget_keys
from reservations.tests.proxy import Proxy
from reservations.tests.queued_jobs import clear_jobs


@pytest.fixture
def event(db: None) -> Event:
    """The default event, with 10 seats."""
    # The migration creates one with 500 seats; a flush after a transactional test removes it.
    Event.objects.filter(slug=DEFAULT_EVENT).delete()
    return EventFactory.create(slug=DEFAULT_EVENT, name="Node.js Meet-up")


@pytest.fixture
def client() -> APIClient:
    """A client of the API."""
    return APIClient()


@pytest.fixture
def keys(settings: Settings) -> Iterator[None]:
    """Let only partners with a key call the API (``API_ACCESS=keys``)."""
    settings.API_ACCESS = "keys"
    forget_keys()
    yield
    forget_keys()


@pytest.fixture(params=["/reservations", "/api/reservations", "/api/demo/reservations"])
def mount(request: pytest.FixtureRequest) -> str:
    """Each path at which the reservations API is mounted."""
    return str(request.param)


@pytest.fixture(params=["", "/"], ids=["bare", "slash"])
def slash(request: pytest.FixtureRequest) -> str:
    """The end of a path: every route works with and without a trailing slash."""
    return str(request.param)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A pool with enough threads for all concurrent calls of a test."""
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def no_drift(transactional_db: None) -> Iterator[None]:
    """Check after the test that replaying every event's history yields its counters."""
    yield
    assert_no_drift()


@pytest.fixture
def no_jobs(transactional_db: None) -> Iterator[None]:
    """Empty the job queue before and after the test."""
    clear_jobs()
    yield
    clear_jobs()


def disconnect() -> None:
    """Close this process's connections, so that the next ones use the current parameters."""
    wrapper = connections[DEFAULT_DB_ALIAS]
    assert isinstance(wrapper, DatabaseWrapper)
    wrapper.close()
    wrapper.close_pool()


@pytest.fixture
def proxy(event: Event, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy between this process and its database."""
    wrapper = type(connections[DEFAULT_DB_ALIAS])
    original = wrapper.get_connection_params
    with Proxy(original(connections[DEFAULT_DB_ALIAS])) as proxy:

        def through_proxy(self: DatabaseWrapper) -> dict[str, Any]:
            return original(self) | {"host": "127.0.0.1", "port": proxy.port, "sslmode": "disable"}

        with monkeypatch.context() as patch:
            patch.setattr(wrapper, "get_connection_params", through_proxy)
            disconnect()
            yield proxy
        disconnect()
