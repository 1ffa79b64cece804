"""Commands that arrive together, on a real database: one transaction, and each its own outcome."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from django.db import DataError, connection

from reservations.errors import (
    Busy,
    EventNotFound,
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
from reservations.ledger.outcomes import Cancelled, Confirmed, Outcome, Reserved
from reservations.models import Change, Event
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import in_a_thread, locked, setting, wait_for_a_waiter
from reservations.tests.factories import EventFactory, booking_of, hold, reservation_of, reserve
from reservations.tests.ledger.proxy import Proxy
from reservations.tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Batches = list[list[Command]]


def outcome_of(command: Command) -> Outcome | Exception:
    try:
        if command.idempotency_key:
            refuse_reuse(command.idempotency_key)  # as the API does, which takes a connection
        return submit(cast("CommandOf[Outcome]", command))
    except Exception as error:
        return error


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    """What is committed together, from now on."""
    seen: Batches = []

    def watched(batch: Sequence[Command]) -> list[Outcome | Refusal]:
        seen.append(list(batch))
        return execute_batch(batch)

    monkeypatch.setattr(group_commit, "execute_batch", watched)
    return seen


class Buyers:
    """Threads that submit one after the other, while the first waits for the locked event."""

    def __init__(self, event: Event, pool: ThreadPoolExecutor) -> None:
        self._event, self._pool = event, pool

    def submit(self, *commands: Command) -> list[Future[Outcome | Exception]]:
        """Let the first lead, and the others wait behind it, in their order."""
        calls = []
        for ahead, command in enumerate(commands):
            calls.append(self._pool.submit(in_a_thread, partial(outcome_of, command)))
            if ahead == 0:
                wait_for_a_waiter()
            self._wait_for(ahead)
        return calls

    def _wait_for(self, waiting: int) -> None:
        queues = group_commit._batcher._queues
        wait_until(lambda: len(queues.get(self._event.slug, ())) == waiting)


@pytest.fixture
def buyers(event: Event, pool: ThreadPoolExecutor) -> Buyers:
    return Buyers(event, pool)


def results(calls: Sequence[Future[Any]]) -> list[Any]:
    return [call.result(timeout=30) for call in calls]


def test_each_has_its_own_outcome_of_one_transaction(
    event: Event, buyers: Buyers, batches: Batches
) -> None:
    bought, doomed = reservation_of(event, 4), reserve(event)
    batches.clear()
    commands: list[Command] = [
        bought,
        reservation_of(event, 3),
        Cancel(reservation_id=doomed, actor="test"),
        reservation_of(event, 4),
        Cancel(reservation_id=doomed, actor="test"),
        reservation_of(event, 3),
    ]
    with locked(event):
        calls = buyers.submit(*commands)
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


@pytest.mark.parametrize("keyed", [False, True])
def test_waiting_callers_use_no_connection(event: Event, buyers: Buyers, keyed: bool) -> None:
    keys = [
        IdempotencyKey(scope="s", key=str(n), fingerprint="f") if keyed else None for n in range(10)
    ]
    with locked(event):
        calls = buyers.submit(
            *[replace(reservation_of(event), idempotency_key=key) for key in keys]
        )
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]
        in_use = stats["pool_size"] - stats["pool_available"]
        assert (in_use, stats.get("requests_waiting", 0)) == (2, 0)  # the leader's, and ours
    assert {type(outcome) for outcome in results(calls)} == {Reserved}


def test_a_command_that_the_database_refuses_fails_alone(
    event: Event, buyers: Buyers, batches: Batches
) -> None:
    """The rules would not let it come that far."""
    bad = reservation_of(event, partner="x" * 101)
    commands = [reservation_of(event), reservation_of(event, 2), bad, reservation_of(event, 3)]
    with locked(event):
        calls = buyers.submit(*commands)
    outcomes = results(calls)
    assert [type(outcome) for outcome in outcomes] == [Reserved, Reserved, DataError, Reserved]
    assert batches == [commands[:1], commands[1:], *([each] for each in commands[1:])]
    assert_inventory(event, available=4, version=3, reservations=3)


def test_a_lock_timeout_answers_the_whole_batch_once(
    event: Event, buyers: Buyers, batches: Batches
) -> None:
    with setting("lock_timeout", "1s"), locked(event):
        calls = buyers.submit(*[reservation_of(event) for _ in range(5)])
        assert {type(outcome) for outcome in results(calls)} == {Busy}
    assert [len(batch) for batch in batches] == [1, 4]
    assert_inventory(event, available=10, version=0, reservations=0)


def test_without_a_connection_the_answer_is_busy(
    event: Event, proxy: Proxy, batches: Batches
) -> None:
    proxy.pool_timeout(0.3)
    proxy.down()
    assert isinstance(outcome_of(reservation_of(event)), Busy)
    assert batches == []
    proxy.up()
    assert isinstance(outcome_of(reservation_of(event)), Reserved)


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
def test_an_unanswered_commit_is_looked_up_once_for_all(
    event: Event,
    proxy: Proxy,
    buyers: Buyers,
    batches: Batches,
    monkeypatch: pytest.MonkeyPatch,
    *,
    forward: bool,
) -> None:
    def cut_the_second(batch: Sequence[Command]) -> list[Outcome | Refusal]:
        if len(batch) > 1:
            proxy.cut_at_commit(forward=forward)
        batches.append(list(batch))
        return execute_batch(batch)

    monkeypatch.setattr(group_commit, "execute_batch", cut_the_second)
    with locked(event):
        calls = buyers.submit(*[reservation_of(event) for _ in range(4)])
    first, *others = results(calls)
    assert isinstance(first, Reserved)
    assert {type(outcome) for outcome in others} == {Reserved if forward else Busy}
    assert (len(batches), proxy.cuts) == (2, 1)
    sold = 4 if forward else 1
    assert_inventory(event, available=10 - sold, version=sold, reservations=sold)


def test_without_the_database_the_outcome_is_unknown(event: Event, proxy: Proxy) -> None:
    proxy.pool_timeout(0.3)
    proxy.cut_at_commit(forward=True, and_stay_down=True)
    assert isinstance(outcome_of(reservation_of(event)), OutcomeUnknown)
    proxy.up()
    assert_inventory(event, available=9, version=1, reservations=1)


def test_a_reservation_waits_in_the_queue_of_its_event(
    event: Event, pool: ThreadPoolExecutor
) -> None:
    """What is asked about a locked event delays nothing about another."""
    held, doomed = hold(event), reserve(event)
    elsewhere = hold(EventFactory.create())
    with locked(event):
        waiting = [
            pool.submit(in_a_thread, partial(outcome_of, command))
            for command in (
                Confirm(reservation_id=held, actor="test"),
                Cancel(reservation_id=doomed, actor="test"),
            )
        ]
        wait_for_a_waiter()
        assert isinstance(outcome_of(Confirm(reservation_id=elsewhere, actor="test")), Confirmed)
        assert not any(call.done() for call in waiting)
    assert [type(outcome) for outcome in results(waiting)] == [Confirmed, Cancelled]


def test_bookings_of_several_events_wait_for_no_queue_of_one(
    event: Event, pool: ThreadPoolExecutor
) -> None:
    first, second = EventFactory.create_batch(2)
    with locked(event):
        waiting = pool.submit(in_a_thread, partial(outcome_of, reservation_of(event)))
        wait_for_a_waiter()
        submit(booking_of(first, second))
        submit(booking_of(first))
    assert isinstance(waiting.result(30), Reserved)


def test_a_queue_is_gone_with_its_last_caller(event: Event) -> None:
    reserve(event)
    for number in range(3):
        assert outcome_of(reservation_of(f"none-{number}")) == EventNotFound(f"none-{number}")
    assert group_commit._batcher._queues == {}
