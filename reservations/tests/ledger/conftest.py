"""Fixture for a database that fails in the middle of a transaction."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from reservations.models import Event
from reservations.tests.ledger.proxy import Proxy


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
