"""Idempotency keys, in the ledger: one effect, and the same outcome again."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reservations.errors import (
    BookingAlreadyCancelled,
    EventNotFound,
    HoldExpired,
    IdempotencyKeyReused,
    InsufficientSeats,
    NotEnoughSeats,
    VersionConflict,
)
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import submit, submit_batch
from reservations.ledger.commands import Cancel, CancelBooking, Command, Confirm, EditEvent, Reserve
from reservations.ledger.outcomes import Reserved
from reservations.models import Event, IdempotencyRecord
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import in_a_thread, locked, second_connection, wait_for_a_waiter
from reservations.tests.factories import (
    book,
    booking_of,
    expire_hold,
    hold,
    reservation_of,
    reserve,
)

pytestmark = pytest.mark.django_db(transaction=True)

KEY = IdempotencyKey(scope="s", key="k", fingerprint="f")


def keyed(event: Event, seats: int = 4, key: IdempotencyKey = KEY) -> Reserve:
    return reservation_of(event, seats, idempotency_key=key)


def test_one_effect_and_the_same_outcome(event: Event) -> None:
    first, again = submit(keyed(event)), submit(keyed(event))
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert_inventory(event, available=6, version=1, reservations=1)


def test_every_final_outcome_is_remembered(event: Event) -> None:
    held, expired = hold(event, seats=1), hold(event, seats=1)
    expire_hold(expired)
    booking, doomed = book((event, 1)), reserve(event)
    finals: list[Command] = [
        keyed(event, 2),
        Confirm(reservation_id=held, actor="test"),
        booking_of((event, 1)),
        CancelBooking(booking_id=booking, actor="test"),
        Cancel(reservation_id=doomed, actor="test"),
        EditEvent(event=event.slug, edits={"name": "Another"}, actor="test"),
        keyed(event, 9),
        booking_of((event, 9)),
        Confirm(reservation_id=expired, actor="test"),
        CancelBooking(booking_id=booking, actor="test"),
    ]
    commands = [
        replace(
            command, idempotency_key=IdempotencyKey(scope="s", key=str(number), fingerprint="f")
        )
        for number, command in enumerate(finals)
    ]
    first = submit_batch(commands)
    version = Event.objects.get().version
    assert [type(outcome) for outcome in first[6:]] == [
        NotEnoughSeats,
        InsufficientSeats,
        HoldExpired,
        BookingAlreadyCancelled,
    ]
    assert submit_batch(commands) == first
    assert all(outcome.replayed for outcome in submit_batch(commands))
    assert Event.objects.get().version == version
    assert_no_drift()


def test_an_outcome_that_is_not_final_is_decided_again(event: Event) -> None:
    unknown = replace(keyed(event), event="none")
    stale = replace(keyed(event), expected_version=7)
    assert submit_batch([unknown, stale]) == [EventNotFound("none"), VersionConflict(0)]
    assert not IdempotencyRecord.objects.exists()
    assert submit(keyed(event)).replayed is False


def test_another_request_with_the_same_key_is_refused(event: Event) -> None:
    submit(keyed(event))
    with pytest.raises(IdempotencyKeyReused):
        submit(keyed(event, key=replace(KEY, fingerprint="g")))
    assert submit(keyed(event, 1, key=replace(KEY, scope="t"))).seats == 1
    assert_inventory(event, available=5, version=2, reservations=2)


def test_two_equal_keys_in_one_transaction(event: Event) -> None:
    first, again, other = submit_batch(
        [keyed(event), keyed(event), keyed(event, key=replace(KEY, fingerprint="g"))]
    )
    assert isinstance(first, Reserved)
    assert isinstance(again, Reserved)
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert other == IdempotencyKeyReused()
    assert_inventory(event, available=6, version=1, reservations=1)


def test_a_key_released_in_the_same_transaction_is_free(event: Event) -> None:
    stale = replace(keyed(event), expected_version=7, idempotency_key=replace(KEY, fingerprint="g"))
    refused, sold = submit_batch([stale, keyed(event)])
    assert refused == VersionConflict(0)
    assert submit(keyed(event)) == sold
    assert_inventory(event, available=6, version=1, reservations=1)


def test_a_refusal_is_stored_and_releases_expired_holds(event: Event) -> None:
    expire_hold(hold(event, seats=3))
    with pytest.raises(NotEnoughSeats):
        submit(keyed(event, 11))
    assert_inventory(event, available=10, version=2, reservations=0)
    with pytest.raises(NotEnoughSeats) as again:
        submit(keyed(event, 11))
    assert (again.value.available_seats, again.value.replayed) == (10, True)


def test_a_remembered_outcome_locks_nothing(event: Event) -> None:
    submit(keyed(event))
    with locked(event):
        assert submit(keyed(event)).replayed


def test_commands_without_a_key_do_not_query_keys(event: Event) -> None:
    with second_connection() as other:
        other.execute("LOCK TABLE reservations_idempotencyrecord")
        reserve(event)


def test_the_second_waits_and_replaces_a_first_that_fails(event: Event) -> None:
    """The first transaction has stored the key and fails before it commits."""
    with second_connection() as other, ThreadPoolExecutor(1) as pool:
        insert_key(other)
        waiting = pool.submit(in_a_thread, partial(submit, keyed(event)))
        wait_for_a_waiter()
        # It waits for the key, so it must not have locked the event yet.
        other.execute("SELECT FROM reservations_event WHERE id = %s FOR UPDATE NOWAIT", [event.pk])
        other.rollback()
        assert waiting.result(timeout=30).replayed is False
    assert_inventory(event, available=6, version=1, reservations=1)


def insert_key(other: psycopg.Connection) -> None:
    other.execute(
        "INSERT INTO reservations_idempotencyrecord (id, scope, key, fingerprint)"
        " VALUES (%s, %s, %s, %s)",
        [uuid4(), KEY.scope, KEY.key, KEY.fingerprint],
    )


def test_keys_are_inserted_in_order_before_events_are_locked(event: Event) -> None:
    with CaptureQueriesContext(connection) as queries:
        submit_batch(
            [keyed(event, 1, replace(KEY, key=key)) for key in ("key-b", "key-c", "key-a")]
        )
    statements = [query["sql"] for query in queries]
    assert statements[1].startswith('INSERT INTO "reservations_idempotencyrecord"')
    assert re.findall(r"key-\w", statements[1]) == ["key-a", "key-b", "key-c"]
    assert "FOR NO KEY UPDATE" in statements[3]
