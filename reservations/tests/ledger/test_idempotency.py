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
from reservations.tests.database import in_a_thread, second_connection, wait_for_a_waiter
from reservations.tests.factories import book, booking_of, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db(transaction=True)

KEY = IdempotencyKey(scope="s", key="k", fingerprint="f")


def buy(event: Event, seats: int = 4, key: IdempotencyKey | None = KEY) -> Reserve:
    return Reserve(event=event.slug, partner="p", seats=seats, actor="test", idempotency_key=key)


def test_one_effect_and_the_same_outcome(event: Event) -> None:
    first, again = submit(buy(event)), submit(buy(event))
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert_inventory(event, available=6, version=1, reservations=1)


def test_every_final_outcome_is_remembered(event: Event) -> None:
    held, lapsed = hold(event, seats=1), hold(event, seats=1)
    expire_hold(lapsed)
    booking, doomed = book((event, 1)), reserve(event)
    finals: list[Command] = [
        buy(event, 2),
        Confirm(reservation_id=held, actor="test"),
        booking_of((event, 1)),
        CancelBooking(booking_id=booking, actor="test"),
        Cancel(reservation_id=doomed, actor="test"),
        EditEvent(event=event.slug, edits={"name": "Another"}, actor="test"),
        buy(event, 9),
        booking_of((event, 9)),
        Confirm(reservation_id=lapsed, actor="test"),
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


def test_what_a_moment_can_change_is_decided_again(event: Event) -> None:
    unknown = replace(buy(event), event="none")
    stale = replace(buy(event), expected_version=7)
    assert submit_batch([unknown, stale]) == [EventNotFound("none"), VersionConflict(0)]
    assert not IdempotencyRecord.objects.exists()
    assert submit(buy(event)).replayed is False


def test_another_request_with_the_same_key_is_refused(event: Event) -> None:
    submit(buy(event))
    with pytest.raises(IdempotencyKeyReused):
        submit(buy(event, key=replace(KEY, fingerprint="g")))
    assert submit(buy(event, 1, key=replace(KEY, scope="t"))).seats == 1
    assert_inventory(event, available=5, version=2, reservations=2)


def test_two_equal_keys_in_one_transaction(event: Event) -> None:
    first, again, other = submit_batch(
        [buy(event), buy(event), buy(event, key=replace(KEY, fingerprint="g"))]
    )
    assert isinstance(first, Reserved)
    assert isinstance(again, Reserved)
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert other == IdempotencyKeyReused()
    assert_inventory(event, available=6, version=1, reservations=1)


def test_a_key_that_was_given_up_in_the_same_transaction_is_free(event: Event) -> None:
    stale = replace(buy(event), expected_version=7, idempotency_key=replace(KEY, fingerprint="g"))
    refused, sold = submit_batch([stale, buy(event)])
    assert refused == VersionConflict(0)
    assert submit(buy(event)) == sold
    assert_inventory(event, available=6, version=1, reservations=1)


def test_a_refusal_keeps_its_record_and_the_expiries_it_made(event: Event) -> None:
    expire_hold(hold(event, seats=3))
    with pytest.raises(NotEnoughSeats):
        submit(buy(event, 11))
    assert_inventory(event, available=10, version=2, reservations=0)
    with pytest.raises(NotEnoughSeats) as again:
        submit(buy(event, 11))
    assert (again.value.available_seats, again.value.replayed) == (10, True)


def test_a_remembered_outcome_locks_nothing(event: Event) -> None:
    submit(buy(event))
    with CaptureQueriesContext(connection) as queries:
        submit(buy(event))
    assert not [query for query in queries if "FOR NO KEY UPDATE" in query["sql"]]


def test_commands_without_a_key_ask_nothing_about_keys(event: Event) -> None:
    with CaptureQueriesContext(connection) as queries:
        reserve(event)
    assert not [query for query in queries if "idempotency" in query["sql"]]


def test_the_second_waits_for_the_first_and_takes_its_place_if_it_fails(event: Event) -> None:
    """The first transaction has claimed the key and crashes before it commits."""
    with second_connection() as other, ThreadPoolExecutor(1) as pool:
        insert_claim(other)
        waiting = pool.submit(in_a_thread, partial(submit, buy(event)))
        wait_for_a_waiter()
        other.rollback()
        assert waiting.result(timeout=30).replayed is False
    assert_inventory(event, available=6, version=1, reservations=1)


def insert_claim(other: psycopg.Connection) -> None:
    other.execute(
        "INSERT INTO reservations_idempotencyrecord (id, scope, key, fingerprint)"
        " VALUES (%s, %s, %s, %s)",
        [uuid4(), KEY.scope, KEY.key, KEY.fingerprint],
    )


def test_keys_are_claimed_before_any_event_is_locked(event: Event) -> None:
    with CaptureQueriesContext(connection) as queries:
        submit_batch([buy(event, 1, replace(KEY, key=key)) for key in ("key-b", "key-c", "key-a")])
    statements = [query["sql"] for query in queries]
    assert statements[1].startswith('INSERT INTO "reservations_idempotencyrecord"')
    assert re.findall(r"key-\w", statements[1]) == ["key-a", "key-b", "key-c"]
    assert "FOR NO KEY UPDATE" in statements[3]
