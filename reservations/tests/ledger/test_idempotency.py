"""Idempotency keys in the ledger: one effect, and the same outcome for a repeated command."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import uuid4

import psycopg
import pytest

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
from reservations.ledger.commands import (
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    OpenSales,
    PauseSales,
    Reserve,
)
from reservations.ledger.outcomes import Reserved
from reservations.models import Event, IdempotencyRecord
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import (
    locked,
    run_and_disconnect,
    second_connection,
    wait_for_lock_waiters,
)
from reservations.tests.factories import (
    book,
    booking_of,
    expire_hold,
    hold,
    reservation_of,
    reserve,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

KEY = IdempotencyKey(scope="s", key="k", fingerprint="f")


def keyed(event: Event, seats: int = 4, key: IdempotencyKey = KEY) -> Reserve:
    return reservation_of(event, seats, idempotency_key=key)


def test_repeated_key_has_one_effect_and_the_same_outcome(event: Event) -> None:
    first, again = submit(keyed(event)), submit(keyed(event))
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert_inventory(event, available=6, version=1, reservations=1)


def test_all_final_outcomes_are_remembered(event: Event) -> None:
    held, expired = hold(event, seats=1), hold(event, seats=1)
    expire_hold(expired)
    booking, to_cancel = book((event, 1)), reserve(event)
    finals: list[Command] = [
        keyed(event, 2),
        Confirm(reservation_id=held, actor="test"),
        booking_of((event, 1)),
        CancelBooking(booking_id=booking, actor="test"),
        Cancel(reservation_id=to_cancel, actor="test"),
        EditEvent(event=event.slug, edits={"name": "Another"}, actor="test"),
        PauseSales(event=event.slug, actor="test"),
        OpenSales(event=event.slug, actor="test"),
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
    assert [type(outcome) for outcome in first[8:]] == [
        NotEnoughSeats,
        InsufficientSeats,
        HoldExpired,
        BookingAlreadyCancelled,
    ]
    assert submit_batch(commands) == first
    assert all(outcome.replayed for outcome in submit_batch(commands))
    assert Event.objects.get().version == version
    assert_no_drift()


def test_outcome_that_is_not_final_is_not_remembered(event: Event) -> None:
    unknown = replace(keyed(event), event="none")
    stale = replace(keyed(event), expected_version=7)
    assert submit_batch([unknown, stale]) == [EventNotFound("none"), VersionConflict(0)]
    assert not IdempotencyRecord.objects.exists()
    assert submit(keyed(event)).replayed is False


def test_key_reused_for_another_request_is_refused(event: Event) -> None:
    submit(keyed(event))
    with pytest.raises(IdempotencyKeyReused):
        submit(keyed(event, key=replace(KEY, fingerprint="g")))
    assert submit(keyed(event, 1, key=replace(KEY, scope="t"))).seats == 1
    assert_inventory(event, available=5, version=2, reservations=2)


def test_equal_keys_in_one_batch_have_one_effect(event: Event) -> None:
    first, again, other = submit_batch(
        [keyed(event), keyed(event), keyed(event, key=replace(KEY, fingerprint="g"))]
    )
    assert isinstance(first, Reserved)
    assert isinstance(again, Reserved)
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    assert other == IdempotencyKeyReused()
    assert_inventory(event, available=6, version=1, reservations=1)


def test_key_of_a_refused_command_is_free_in_the_same_batch(event: Event) -> None:
    stale = replace(keyed(event), expected_version=7, idempotency_key=replace(KEY, fingerprint="g"))
    refused, sold = submit_batch([stale, keyed(event)])
    assert refused == VersionConflict(0)
    assert submit(keyed(event)) == sold
    assert_inventory(event, available=6, version=1, reservations=1)


def test_remembered_refusal_still_releases_expired_holds(event: Event) -> None:
    expire_hold(hold(event, seats=3))
    with pytest.raises(NotEnoughSeats):
        submit(keyed(event, 11))
    assert_inventory(event, available=10, version=2, reservations=0)
    with pytest.raises(NotEnoughSeats) as again:
        submit(keyed(event, 11))
    assert (again.value.available_seats, again.value.replayed) == (10, True)


def test_remembered_outcome_needs_no_event_lock(event: Event) -> None:
    submit(keyed(event))
    with locked(event):
        assert submit(keyed(event)).replayed


def test_command_without_a_key_does_not_read_the_key_table(event: Event) -> None:
    with second_connection() as other:
        other.execute("LOCK TABLE reservations_idempotencyrecord")
        reserve(event)


def test_key_claimed_by_a_transaction_that_rolls_back_is_free(event: Event) -> None:
    with second_connection() as other, ThreadPoolExecutor(1) as pool:
        insert_key(other, KEY.key)
        waiting = pool.submit(run_and_disconnect, partial(submit, keyed(event)))
        wait_for_lock_waiters()
        # The command waits for the key, so it must not hold the event's lock yet.
        other.execute("SELECT FROM reservations_event WHERE id = %s FOR UPDATE NOWAIT", [event.pk])
        other.rollback()
        assert waiting.result(timeout=30).replayed is False
    assert_inventory(event, available=6, version=1, reservations=1)


def insert_key(other: psycopg.Connection, key: str) -> None:
    other.execute(
        "INSERT INTO reservations_idempotencyrecord (id, scope, key, fingerprint)"
        " VALUES (%s, %s, %s, %s)",
        [uuid4(), KEY.scope, key, KEY.fingerprint],
    )


def test_batches_with_keys_in_opposite_orders_cannot_deadlock(event: Event) -> None:
    batch = [keyed(event, 1, replace(KEY, key=key)) for key in ("b", "c", "a")]
    with second_connection() as other, ThreadPoolExecutor(1) as pool:
        insert_key(other, "a")
        waiting = pool.submit(run_and_disconnect, partial(submit_batch, batch))
        wait_for_lock_waiters()
        # The batch waits for the lowest key, so it must not hold the others yet.
        insert_key(other, "b")
        insert_key(other, "c")
        other.rollback()
        outcomes = waiting.result(timeout=30)
    assert [type(outcome) for outcome in outcomes] == [Reserved, Reserved, Reserved]
    assert_inventory(event, available=7, version=3, reservations=3)
