"""A key that was revoked before the event's lock is granted sells, cancels and confirms nothing."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from reservations.access.caller import Caller
from reservations.access.keys import revoke_key, set_active
from reservations.errors import Refusal, Unauthorized
from reservations.ledger import submit, unit_of_work
from reservations.ledger.commands import Cancel, CancelBooking, Command, Confirm
from reservations.ledger.lock import lock_events
from reservations.models import Event
from reservations.tests.database import locked, run_and_disconnect, wait_for_lock_waiters
from reservations.tests.factories import (
    PartnerFactory,
    booking_of,
    caller_of,
    hold,
    reservation_of,
    reserve,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_drift"),
    pytest.mark.xdist_group("races"),
]

Make = Callable[[Event, Caller], Command]

COMMANDS: dict[str, Make] = {
    "reserve": lambda event, caller: reservation_of(event, caller=caller),
    "hold": lambda event, caller: reservation_of(event, caller=caller, hold_seconds=60),
    "book": lambda event, caller: booking_of(event, caller=caller),
    "confirm": lambda event, caller: Confirm(
        reservation_id=hold(event), actor="test", caller=caller
    ),
    "cancel": lambda event, caller: Cancel(
        reservation_id=reserve(event), actor="test", caller=caller
    ),
    "cancel-booking": lambda event, caller: CancelBooking(
        booking_id=submit(booking_of(event, caller=caller)).id, actor="test", caller=caller
    ),
}


@pytest.fixture
def caller(db: None) -> Caller:
    return caller_of(PartnerFactory.create(slug="abc-corp"))


def revoke(caller: Caller) -> None:
    assert revoke_key(key_id=caller.key_id, by="test")


def deactivate(caller: Caller) -> None:
    assert set_active(slug=caller.partner, active=False, by="test")


def outcome_of(command: Any) -> object:
    try:
        return submit(command)
    except Refusal as refusal:
        return refusal


def submit_while(
    event: Event, commands: Collection[Command], action: Callable[[], object]
) -> list[Any]:
    """Submit ``commands`` while the event is locked; run ``action`` before they get the lock."""
    with ThreadPoolExecutor(len(commands)) as pool:
        with locked(event):
            calls = [
                pool.submit(run_and_disconnect, partial(outcome_of, each)) for each in commands
            ]
            wait_for_lock_waiters()
            action()
        return [call.result(30) for call in calls]


@pytest.mark.parametrize("end", [revoke, deactivate])
@pytest.mark.parametrize("make", COMMANDS.values(), ids=COMMANDS)
def test_key_that_ends_before_the_lock_is_granted_has_no_effect(
    event: Event, caller: Caller, make: Make, end: Callable[[Caller], None]
) -> None:
    command = make(event, caller)
    event.refresh_from_db()
    [outcome] = submit_while(event, [command], partial(end, caller))
    assert isinstance(outcome, Unauthorized)
    version = event.version
    event.refresh_from_db()
    assert event.version == version


def test_without_the_check_under_the_lock_a_revoked_key_would_sell(
    event: Event, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control experiment: the key was valid when the request was authenticated."""

    def lock_only(*, keys: object, **named: Any) -> Any:
        return lock_events(**named)

    monkeypatch.setattr(unit_of_work, "lock_events", lock_only)
    [outcome] = submit_while(event, [reservation_of(event, caller=caller)], partial(revoke, caller))
    assert not isinstance(outcome, Refusal)


def test_revoked_key_does_not_affect_other_partners(event: Event, caller: Caller) -> None:
    other = caller_of(PartnerFactory.create())
    sales = [
        reservation_of(event, partner=each.partner, caller=each)
        for each in (caller, other, caller, other)
    ]
    outcomes = submit_while(event, sales, partial(revoke, caller))
    assert [isinstance(each, Unauthorized) for each in outcomes] == [True, False] * 2
    event.refresh_from_db()
    assert event.reservation_count == 2
