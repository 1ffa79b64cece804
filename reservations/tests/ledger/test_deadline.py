"""One deadline for a command: queue, connection, key, locks, statements and COMMIT together."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool
from pytest_django import DjangoAssertNumQueries, Settings

from reservations import deadline
from reservations.deadline import Deadline
from reservations.errors import Busy, OutcomeUnknown
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import submit
from reservations.ledger.execute import execute_batch
from reservations.models import Event, IdempotencyRecord
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import (
    locked,
    run_and_disconnect,
    second_connection,
    wait_for_lock_waiters,
)
from reservations.tests.factories import reservation_of, reserve
from reservations.tests.proxy import Proxy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

KEY = IdempotencyKey(scope="s", key="k", fingerprint="f")
CLAIM_KEY = (
    "INSERT INTO reservations_idempotencyrecord (id, scope, key, fingerprint)"
    " VALUES (gen_random_uuid(), 's', 'k', 'f')"
)


def seconds_of(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


@pytest.mark.slow
def test_sessions_that_hold_a_lock_in_turn_share_the_deadline(
    event: Event, pool: ThreadPoolExecutor, settings: Settings
) -> None:
    """PostgreSQL's lock_timeout starts again for each of the locks that a statement waits for.

    A lock on the key, on the row while another session is first in line, and on that session.
    """
    settings.REQUEST_TIMEOUT = 4

    def refused() -> None:
        with pytest.raises(Busy):
            submit(replace(reservation_of(event), idempotency_key=KEY))

    with second_connection() as key, second_connection() as second, locked(event) as first:
        key.execute(CLAIM_KEY)
        lock = f"SELECT FROM reservations_event WHERE id = {event.pk} FOR NO KEY UPDATE"
        call = pool.submit(run_and_disconnect, partial(seconds_of, refused))
        wait_for_lock_waiters()
        next_in_line = pool.submit(second.execute, lock)
        time.sleep(1.5)
        key.rollback()
        wait_for_lock_waiters(2)
        time.sleep(1.5)
        first.rollback()
        next_in_line.result(30)
        assert call.result(30) < 6  # 4 or little more; each wait alone would be allowed 4
    assert_inventory(event, available=10, version=0, reservations=0)
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM reservations_event FOR NO KEY UPDATE",
        CLAIM_KEY,
        "LOCK TABLE reservations_change IN ACCESS EXCLUSIVE MODE",
    ],
    ids=["event", "key", "table"],
)
def test_locked_row_or_table_is_waited_for_until_the_deadline(
    event: Event, settings: Settings, statement: str
) -> None:
    settings.REQUEST_TIMEOUT = 0.3
    with second_connection() as other:
        other.execute(statement)
        with pytest.raises(Busy):
            submit(replace(reservation_of(event), idempotency_key=KEY))
        other.rollback()
    assert_inventory(event, available=10, version=0, reservations=0)
    settings.REQUEST_TIMEOUT = 30
    reserve(event)


def test_connection_is_waited_for_until_the_deadline(event: Event, settings: Settings) -> None:
    connection.close()
    pool: ConnectionPool[Any] = connection.pool  # type: ignore[attr-defined]
    used = [pool.getconn() for _ in range(settings.DATABASE_POOL_SIZE)]
    settings.REQUEST_TIMEOUT = 0.3
    with pytest.raises(Busy):
        submit(reservation_of(event))
    for each in used:
        pool.putconn(each)
    assert_inventory(event, available=10, version=0, reservations=0)


def test_nothing_is_written_after_the_deadline(
    event: Event, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    passed = Deadline(0, 0, 0)
    with deadline.within(passed), pytest.raises(Busy), django_assert_num_queries(0):
        execute_batch([reservation_of(event)])
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    ("frozen_at", "error"), [(b"NO KEY UPDATE", Busy), (b"COMMIT\0", OutcomeUnknown)]
)
def test_unresponsive_database_does_not_hold_a_command_forever(
    event: Event,
    proxy: Proxy,
    settings: Settings,
    frozen_at: bytes,
    error: type[Exception],
) -> None:
    """The connection stays open, so only the client can notice."""
    reserve(event)
    settings.REQUEST_TIMEOUT = settings.COMMIT_TIMEOUT = 0.5
    proxy.freeze_at(frozen_at)
    with pytest.raises(error):
        submit(reservation_of(event))
    settings.REQUEST_TIMEOUT = settings.COMMIT_TIMEOUT = 30
    proxy.up()
    reserve(event)
    assert_inventory(event, available=8, version=2, reservations=2)
