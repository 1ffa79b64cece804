"""Concurrent reads share a query."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event as Signal

import pytest
from django.db import connection, transaction

from reservations import queries
from reservations.errors import EventNotFound
from reservations.models import Event
from reservations.shared_reads import SharedReader
from reservations.tests.database import run_and_disconnect
from reservations.tests.factories import EventFactory
from reservations.tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_reads_during_a_query_share_the_next_one(pool: ThreadPoolExecutor) -> None:
    batches: list[list[str]] = []
    answering = Signal()

    def read(keys: Sequence[str]) -> list[str]:
        batches.append(list(keys))
        assert answering.wait(30)
        return [key.upper() for key in keys]

    reader = SharedReader(read)
    first = pool.submit(run_and_disconnect, partial(reader.get, "a"))
    wait_until(lambda: batches)
    others = [pool.submit(run_and_disconnect, partial(reader.get, key)) for key in "bcd"]
    wait_until(lambda: reader.waiting() == len(others))
    answering.set()
    assert [call.result(30) for call in (first, *others)] == ["A", "B", "C", "D"]
    assert [len(batch) for batch in batches] == [1, 3]


def test_read_returns_its_connection_at_once(event: Event) -> None:
    """Otherwise a client that reads its response slowly would keep a connection."""
    assert queries.get_event(event.slug) == event
    assert connection.connection is None
    with pytest.raises(EventNotFound):
        queries.get_event("none")
    assert connection.connection is None


def test_read_in_a_transaction_sees_its_changes(db: None) -> None:
    with transaction.atomic():
        created = EventFactory.create()
        assert queries.get_event(created.slug) == created
