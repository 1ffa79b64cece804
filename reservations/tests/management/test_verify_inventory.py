"""The command ``manage.py verify_inventory``."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.models import F

from reservations.ledger import submit
from reservations.ledger.commands import Cancel, CancelBooking, Confirm, EditEvent, PauseSales
from reservations.management.commands import verify_inventory
from reservations.models import Booking, Change, Event, Reservation
from reservations.tests.commands import run_command
from reservations.tests.factories import EventFactory, book, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def verify(*arguments: str) -> tuple[int, str]:
    return run_command("verify_inventory", *arguments)


@pytest.fixture
def sold(event: Event) -> Event:
    """An event enlarged from 10 to 20 seats: 4 are sold, and 3 were sold and returned."""
    reserve(event, seats=4)
    submit(EditEvent(event=event.slug, edits={"total_seats": 20}, actor="test"))
    submit(Cancel(reservation_id=reserve(event, seats=3), actor="test"))
    return event


def test_consistent_events_exit_with_0(sold: Event) -> None:
    EventFactory.create(slug="unsold")
    assert verify() == (
        0,
        "node-meetup-2025: ok, 4 changes, 4 of 20 seats sold\n"
        "unsold: ok, 0 changes, 0 of 10 seats sold\n",
    )
    assert verify("--json") == (0, '{"events": 2, "drift": []}\n')


def drift(column: str, stored: int, expected: int) -> dict[str, Any]:
    return {
        "event": "node-meetup-2025",
        "column": column,
        "stored": stored,
        "expected": expected,
        "amount": stored - expected,
    }


@pytest.mark.parametrize(
    ("values", "drifts"),
    [
        (
            {"available_seats": 15},
            [drift("available_seats", 15, 16), drift("reservation.seats", 4, 5)],
        ),
        ({"total_seats": 21}, [drift("total_seats", 21, 20), drift("reservation.seats", 4, 5)]),
        (
            {"reservation_count": 0},
            [drift("reservation_count", 0, 1), drift("reservation.status", 1, 0)],
        ),
        ({"version": 7}, [drift("version", 7, 4)]),
    ],
    ids=["available_seats", "total_seats", "reservation_count", "version"],
)
def test_wrong_counter_is_reported(
    sold: Event, values: dict[str, int], drifts: list[dict[str, Any]]
) -> None:
    Event.objects.filter(pk=sold.pk).update(**values)
    code, out = verify("--json")
    assert (code, json.loads(out)) == (1, {"events": 1, "drift": drifts})


def test_reservation_with_changed_seats_is_reported(sold: Event) -> None:
    Reservation.objects.filter(status="confirmed").update(seats=5)
    assert verify() == (
        1,
        "node-meetup-2025: DRIFT, 4 changes, 4 of 20 seats sold\n"
        "  reservation.seats is 5, expected 4 (+1)\n"
        "  change.reservation is 1, expected 0 (+1)\n",
    )


def test_reservation_with_changed_status_is_reported(sold: Event) -> None:
    Reservation.objects.filter(status="confirmed").update(status="cancelled")
    code, out = verify("--json")
    assert (code, [found["column"] for found in json.loads(out)["drift"]]) == (
        1,
        ["reservation.seats", "reservation.status", "change.reservation"],
    )


def test_missing_change_is_reported(sold: Event) -> None:
    Change.objects.filter(version=2).delete()
    code, out = verify("--json")
    columns = {found["column"] for found in json.loads(out)["drift"]}
    assert (code, columns) == (1, {"version", "available_seats", "total_seats", "change.version"})


def test_altered_change_is_reported(sold: Event) -> None:
    Change.objects.filter(version=3).update(available_seats=F("available_seats") - 1)
    code, out = verify("--json")
    assert (code, json.loads(out)["drift"]) == (1, [drift("change.version", 1, 0)])


@pytest.fixture
def busy(event: Event) -> Event:
    """An event with a live, an expired and a confirmed hold, and two bookings."""
    hold(event, seats=2)
    submit(Confirm(reservation_id=hold(event, seats=1), actor="test"))
    expire_hold(hold(event, seats=1))
    book((event, 2))
    submit(CancelBooking(booking_id=book((event, 1)), actor="test"))
    return event


def test_holds_and_bookings_are_consistent(busy: Event) -> None:
    assert verify() == (0, "node-meetup-2025: ok, 8 changes, 3 of 10 seats sold\n")


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("held", {"available_seats", "version", "change.version"}),
        ("hold_confirmed", {"held_seats", "reservation_count", "version", "change.version"}),
        ("expired", {"available_seats", "held_seats", "version", "change.version"}),
    ],
    ids=["held", "hold_confirmed", "expired"],
)
def test_missing_change_of_a_hold_is_reported(busy: Event, kind: str, columns: set[str]) -> None:
    Change.objects.filter(kind=kind).order_by("-version")[0].delete()
    code, out = verify("--json")
    found = {found["column"] for found in json.loads(out)["drift"]}
    assert (code, columns - found) == (1, set())


def test_hold_with_changed_status_is_reported(busy: Event) -> None:
    Reservation.objects.filter(status="held").update(status="expired")
    code, out = verify("--json")
    assert (code, [found["column"] for found in json.loads(out)["drift"]]) == (
        1,
        ["reservation.held_seats", "change.reservation"],
    )


def test_wrong_held_seats_are_reported(busy: Event) -> None:
    Event.objects.filter(pk=busy.pk).update(held_seats=1)
    code, out = verify("--json")
    assert (code, json.loads(out)["drift"]) == (
        1,
        [
            drift("held_seats", 1, 2),
            drift("reservation.seats", 3, 4),
            drift("reservation.held_seats", 2, 1),
        ],
    )


def test_pause_without_a_change_is_reported(event: Event) -> None:
    submit(PauseSales(event=event.slug, actor="test"))
    assert verify()[0] == 0
    Event.objects.update(sales_paused=False)
    code, out = verify("--json")
    assert (code, json.loads(out)["drift"]) == (1, [drift("sales_paused", 0, 1)])


@pytest.mark.parametrize("status", ["confirmed", "cancelled"])
def test_booking_with_changed_status_is_reported(busy: Event, status: str) -> None:
    Booking.objects.update(status=status)
    code, out = verify("--json")
    assert (code, json.loads(out)["drift"]) == (1, [drift("booking.status", 1, 0)])


def test_rows_of_unknown_events_are_reported(sold: Event) -> None:
    Reservation.objects.filter(status="cancelled").update(event=0)
    Change.objects.create(event_id=0, version=1, kind="edited", seats=0, available_seats=0)
    code, out = verify()
    assert (code, out.splitlines()[-3:]) == (
        1,
        [
            "rows without an event: DRIFT",
            "  reservation.event is 1, expected 0 (+1)",
            "  change.event is 1, expected 0 (+1)",
        ],
    )
    assert json.loads(verify("--json")[1])["drift"] == [
        {"event": None, "column": column, "stored": 1, "expected": 0, "amount": 1}
        for column in ("reservation.event", "change.event")
    ]
    assert verify(sold.slug)[0] == 0


def test_changes_of_an_unknown_reservation_are_reported(sold: Event) -> None:
    cancelled = Change.objects.get(kind="cancelled").reservation_id
    Change.objects.filter(reservation=cancelled).update(reservation=UUID(int=0))
    code, out = verify("--json")
    assert (code, json.loads(out)["drift"]) == (1, [drift("change.reservation", 2, 0)])


def test_slug_limits_the_check_to_one_event(sold: Event) -> None:
    broken = EventFactory.create(slug="broken")
    Event.objects.filter(pk=broken.pk).update(version=3)
    assert verify(sold.slug)[0] == 0
    assert verify("broken") == (
        1,
        "broken: DRIFT, 3 changes, 0 of 10 seats sold\n  version is 3, expected 0 (+3)\n",
    )


def test_missing_table_exits_with_2(sold: Event) -> None:
    rename = "ALTER TABLE {} RENAME TO {}"
    with connection.cursor() as cursor:
        cursor.execute(rename.format("reservations_change", "other"))
        try:
            code, output = verify()
        finally:
            cursor.execute(rename.format("other", "reservations_change"))
    assert code == 2
    assert "run manage.py migrate" in output


def test_failed_system_check_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*_: object, **__: object) -> None:
        raise SystemCheckError("a setting is invalid")

    monkeypatch.setattr(verify_inventory.Command, "check", check)
    with pytest.raises(SystemCheckError) as error_info:
        call_command("verify_inventory", skip_checks=False)
    assert error_info.value.returncode == 2


def test_unknown_event_exits_with_2(transactional_db: None) -> None:
    code, output = verify("none")
    assert code == 2
    assert "there is no event 'none'" in output
