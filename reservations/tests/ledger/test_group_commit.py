"""Group commit on a real database: concurrent commands share a transaction, not an outcome."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from django.db import DataError, connection

from reservations.errors import (
    Busy,
    NotEnoughSeats,
    OutcomeUnknown,
    Refusal,
    ReservationNotFound,
)
from reservations.idempotency.key import IdempotencyKey
from reservations.idempotency.store import refuse_reuse
from reservations.ledger import group_commit, submit
from reservations.ledger.commands import Cancel, Command, CommandOf, Confirm
from reservations.ledger.execute import execute_batch
from reservations.ledger.lookup import Found, find_slugs
from reservations.ledger.outcomes import Cancelled, Confirmed, Outcome, Reserved
from reservations.models import Change, Event
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import (
    locked,
    run_and_disconnect,
    session_setting,
    wait_for_lock_waiters,
)
from reservations.tests.factories import EventFactory, booking_of, hold, reservation_of, reserve
from reservations.tests.proxy import Proxy
from reservations.tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

Batches = list[list[Command]]


def outcome_of(command: Command) -> Outcome | Exception:
    try:
        if command.idempotency_key:
            refuse_reuse(command.idempotency_key)  # a query before submit, as in the API
        return submit(cast("CommandOf[Outcome]", command))
    except Exception as error:
        return error


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    """The batches that are executed during the test, in order."""
    executed: Batches = []

    def recording(batch: Sequence[Command]) -> list[Outcome | Refusal]:
        executed.append(list(batch))
        return execute_batch(batch)

    monkeypatch.setattr(group_commit, "execute_batch", recording)
    return executed


class SubmitterThreads:
    """Submits commands for one event from threads, while the event is locked."""

    def __init__(self, event: Event, pool: ThreadPoolExecutor) -> None:
        self._event, self._pool = event, pool

    def submit(self, *commands: Command) -> list[Future[Outcome | Exception]]:
        """Make the first command a batch of its own, and queue the others behind it in order."""
        calls = []
        for number, command in enumerate(commands):
            calls.append(self._pool.submit(run_and_disconnect, partial(outcome_of, command)))
            if number == 0:
                wait_for_lock_waiters()
            self._wait_until_queued(number)
        return calls

    def _wait_until_queued(self, commands: int) -> None:
        wait_until(lambda: group_commit.batcher.waiting(self._event.slug) == commands)


@pytest.fixture
def submitters(event: Event, pool: ThreadPoolExecutor) -> SubmitterThreads:
    return SubmitterThreads(event, pool)


def results(calls: Sequence[Future[Any]]) -> list[Any]:
    return [call.result(timeout=30) for call in calls]


def test_commands_in_one_transaction_have_their_own_outcomes(
    event: Event, submitters: SubmitterThreads, batches: Batches
) -> None:
    bought, to_cancel = reservation_of(event, 4), reserve(event)
    batches.clear()
    commands: list[Command] = [
        bought,
        reservation_of(event, 3),
        Cancel(reservation_id=to_cancel, actor="test"),
        reservation_of(event, 4),
        Cancel(reservation_id=to_cancel, actor="test"),
        reservation_of(event, 3),
    ]
    with locked(event):
        calls = submitters.submit(*commands)
    outcomes = results(calls)
    assert batches == [commands[:1], commands[1:]]
    assert [type(outcome) for outcome in outcomes] == [
        Reserved,
        Reserved,
        Cancelled,
        NotEnoughSeats,
        ReservationNotFound,
        Reserved,
    ]
    assert outcomes[0].id == bought.reservation_id
    assert outcomes[3] == NotEnoughSeats(requested=4, available_seats=3)
    assert Change.objects.filter(version__gt=2).values("at").distinct().count() == 1
    assert_inventory(event, available=0, version=5, reservations=3)
    assert_no_drift()


@pytest.mark.parametrize("keyed", [False, True], ids=["no-key", "key"])
def test_queued_callers_hold_no_connection(
    event: Event, submitters: SubmitterThreads, keyed: bool
) -> None:
    keys = [
        IdempotencyKey(scope="s", key=str(n), fingerprint="f") if keyed else None for n in range(10)
    ]
    with locked(event):
        calls = submitters.submit(
            *[replace(reservation_of(event), idempotency_key=key) for key in keys]
        )
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]
        in_use = stats["pool_size"] - stats["pool_available"]
        # One is used by the leader, one by this thread.
        assert (in_use, stats.get("requests_waiting", 0)) == (2, 0)
    assert {type(outcome) for outcome in results(calls)} == {Reserved}


def test_command_that_fails_in_the_database_fails_alone(
    event: Event, submitters: SubmitterThreads, batches: Batches
) -> None:
    """The API rejects such a partner, so here only a bug could cause the error."""
    bad = reservation_of(event, partner="x" * 101)
    commands = [reservation_of(event), reservation_of(event, 2), bad, reservation_of(event, 3)]
    with locked(event):
        calls = submitters.submit(*commands)
    outcomes = results(calls)
    assert [type(outcome) for outcome in outcomes] == [Reserved, Reserved, DataError, Reserved]
    assert batches == [commands[:1], commands[1:], *([each] for each in commands[1:])]
    assert_inventory(event, available=4, version=3, reservations=3)


def test_lock_timeout_fails_the_batch_without_a_retry(
    event: Event, submitters: SubmitterThreads, batches: Batches
) -> None:
    with session_setting("lock_timeout", "1s"), locked(event):
        calls = submitters.submit(*[reservation_of(event) for _ in range(5)])
        assert {type(outcome) for outcome in results(calls)} == {Busy}
    assert [len(batch) for batch in batches] == [1, 4]
    assert_inventory(event, available=10, version=0, reservations=0)


def test_no_connection_in_time_raises_busy(event: Event, proxy: Proxy, batches: Batches) -> None:
    proxy.set_pool_timeout(0.3)
    proxy.down()
    assert isinstance(outcome_of(reservation_of(event)), Busy)
    assert batches == []
    proxy.up()
    assert isinstance(outcome_of(reservation_of(event)), Reserved)


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
def test_unanswered_commit_is_checked_once_for_the_batch(
    event: Event,
    proxy: Proxy,
    submitters: SubmitterThreads,
    batches: Batches,
    monkeypatch: pytest.MonkeyPatch,
    *,
    forward: bool,
) -> None:
    def cut_second_batch(batch: Sequence[Command]) -> list[Outcome | Refusal]:
        if len(batch) > 1:
            proxy.cut_at_commit(forward=forward)
        batches.append(list(batch))
        return execute_batch(batch)

    monkeypatch.setattr(group_commit, "execute_batch", cut_second_batch)
    with locked(event):
        calls = submitters.submit(*[reservation_of(event) for _ in range(4)])
    first, *others = results(calls)
    assert isinstance(first, Reserved)
    assert {type(outcome) for outcome in others} == {Reserved if forward else Busy}
    assert (len(batches), proxy.cuts) == (2, 1)
    sold = 4 if forward else 1
    assert_inventory(event, available=10 - sold, version=sold, reservations=sold)


def test_unreachable_database_after_commit_is_outcome_unknown(event: Event, proxy: Proxy) -> None:
    proxy.set_pool_timeout(0.3)
    proxy.cut_at_commit(forward=True, and_stay_down=True)
    assert isinstance(outcome_of(reservation_of(event)), OutcomeUnknown)
    proxy.up()
    assert_inventory(event, available=9, version=1, reservations=1)


def test_reservation_commands_wait_in_the_queue_of_their_event(
    event: Event, pool: ThreadPoolExecutor
) -> None:
    """Commands about a locked event do not delay commands about another event."""
    held, to_cancel = hold(event), reserve(event)
    elsewhere = hold(EventFactory.create())
    with locked(event):
        waiting = [
            pool.submit(run_and_disconnect, partial(outcome_of, command))
            for command in (
                Confirm(reservation_id=held, actor="test"),
                Cancel(reservation_id=to_cancel, actor="test"),
            )
        ]
        wait_for_lock_waiters()
        assert isinstance(outcome_of(Confirm(reservation_id=elsewhere, actor="test")), Confirmed)
        assert not any(call.done() for call in waiting)
    assert [type(outcome) for outcome in results(waiting)] == [Confirmed, Cancelled]


def test_bookings_do_not_wait_for_the_queue_of_another_event(
    event: Event, pool: ThreadPoolExecutor
) -> None:
    first, second = EventFactory.create_batch(2)
    with locked(event):
        waiting = pool.submit(run_and_disconnect, partial(outcome_of, reservation_of(event)))
        wait_for_lock_waiters()
        submit(booking_of(first, second))
        submit(booking_of(first))
    assert isinstance(waiting.result(30), Reserved)


def test_waiting_for_a_lookup_holds_no_connection(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of the admin has read the session and the user before it submits a command."""
    held: list[object] = []

    def recording(command: Command) -> Found:
        held.append(connection.connection)
        return find_slugs(command)

    monkeypatch.setattr(group_commit, "find_slugs", recording)
    event.refresh_from_db()
    assert connection.connection
    reserve(event)
    assert held == [None]
