"""``manage.py loaddata`` never turns counters back and never loads half an event."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import submit
from reservations.ledger.commands import Cancel, CancelBooking, Confirm, EditEvent
from reservations.models import (
    DEFAULT_EVENT,
    Booking,
    BookingMail,
    Change,
    Event,
    IdempotencyRecord,
    PeriodicJob,
    Reservation,
)
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import locked, run_and_disconnect, session_setting
from reservations.tests.factories import EventFactory, book, hold, reservation_of, reserve

pytestmark = pytest.mark.django_db(transaction=True)

Rows = list[dict[str, Any]]
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes rows to a new fixture file and returns its path."""

    def write_fixture(rows: Rows, name: str = "fixture") -> str:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        return str(path)

    return write_fixture


def dump() -> Rows:
    """Return all rows of the app, as ``dumpdata`` writes them."""
    out = StringIO()
    call_command("dumpdata", "reservations", stdout=out)
    # Django cuts times to milliseconds, and omits them only if the microseconds are 0 as well.
    rows: Rows = json.loads(out.getvalue().replace('.000Z"', 'Z"'))
    return rows


def load(*paths: str, **options: Any) -> str:
    out = StringIO()
    call_command("loaddata", *paths, stdout=out, **options)
    return out.getvalue()


def empty_database() -> None:
    call_command("flush", interactive=False, verbosity=0)


def refused(*paths: str, match: str, **options: Any) -> None:
    """Check that a load is refused with one line, and has changed nothing."""
    before, out = dump(), StringIO()
    with pytest.raises(CommandError, match=match) as caught:
        call_command("loaddata", *paths, stdout=out, **options)
    assert out.getvalue() == ""
    assert str(caught.value).startswith("Nothing was loaded")
    assert "\n" not in str(caught.value)
    assert dump() == before


@pytest.fixture
def sold(event: Event) -> Event:
    """The default event with sales of each kind, and a second event of one of its bookings."""
    other = EventFactory.create(slug="jazz")
    submit(Cancel(reservation_id=reserve(event, seats=2), actor="api"))
    submit(Confirm(reservation_id=hold(event), actor="api"))
    hold(event, seconds=3600)
    submit(CancelBooking(booking_id=book(event), actor="api"))
    book(event, other)
    submit(EditEvent(event="jazz", edits={"total_seats": 20}, actor="admin"))
    key = IdempotencyKey(scope="s", key="k", fingerprint="f")
    submit(reservation_of(event, idempotency_key=key))
    return event


def test_demo_fixture_can_be_loaded_twice(event: Event) -> None:
    assert load("demo") == "Installed 56 object(s) from 1 fixture(s)\n"
    before = dump()
    assert load("demo") == (
        "Installed 0 object(s) (of 56) from 1 fixture(s)\n"
        "56 rows were in the database already and stay as before.\n"
    )
    assert dump() == before


def test_dump_of_the_same_rows_does_not_differ(sold: Event, write: Write) -> None:
    rows = dump()
    summary = f"{len(rows)} rows were in the database already and stay as before.\n"
    assert load(write(rows)).endswith(summary)


def test_demo_fixture_leaves_later_sales_alone() -> None:
    load("demo")
    event = Event.objects.get(slug="python-day-2027")
    reserve(event)
    unbooked = Reservation.objects.filter(booking=None, status="confirmed").last()
    assert unbooked
    submit(Cancel(reservation_id=unbooked.pk, actor="api"))
    before = dump()
    answer = load("demo")
    assert "56 rows were in the database already and stay as before. 3 of them differ" in answer
    assert "restore a backup" in answer
    assert dump() == before
    reserve(event)
    assert_no_drift()


def test_older_dump_does_not_turn_counters_back(
    sold: Event, client: APIClient, write: Write
) -> None:
    mail = {"booking": Booking.objects.first(), "kind": "booked", "at": timezone.now()}
    BookingMail.objects.create(sends=1, **mail)
    PeriodicJob.objects.create(task="t", every=timedelta(1), queued_at=timezone.now())
    older = write(dump())
    BookingMail.objects.update(sends=2)
    PeriodicJob.objects.update(queued_at=timezone.now())
    reserve(sold, seats=2)
    for booking in Booking.objects.filter(status="confirmed"):
        submit(CancelBooking(booking_id=booking.pk, actor="api"))
    before = dump()
    assert "because of later sales or edits" in load(older)
    assert dump() == before
    body = {"partnerId": "acme", "seats": 1, "eventId": DEFAULT_EVENT}
    assert client.post("/reservations", body, format="json").status_code == 201
    assert_no_drift()


def test_dump_loads_into_an_empty_database(sold: Event, client: APIClient, write: Write) -> None:
    rows = dump()
    empty_database()
    load(write(rows))
    assert dump() == rows
    body = {"partnerId": "acme", "seats": 1, "eventId": DEFAULT_EVENT}
    assert client.post("/reservations", body, format="json").status_code == 201
    # The sequence of the ids continues after the loaded ones.
    Event.objects.create_event(Event(slug="new", name="New", total_seats=1))
    assert_no_drift()


def test_dump_loads_over_a_new_event(sold: Event, write: Write) -> None:
    rows = dump()
    empty_database()
    EventFactory.create(pk=sold.pk, slug=sold.slug, total_seats=500)
    load(write(rows))
    assert dump() == rows
    assert_no_drift()


def test_bookings_of_an_older_version_are_completed(sold: Event, write: Write) -> None:
    rows = dump()
    for row in rows:
        row["fields"].pop("canonical_email", None)
    empty_database()
    load(write(rows))
    assert Booking.objects.exists()
    assert not Booking.objects.filter(canonical_email="").exists()


def test_later_dump_continues_an_earlier_one(sold: Event, write: Write) -> None:
    earlier = dump()
    reserve(sold, seats=2)
    held = Reservation.objects.get(status="held")
    submit(Confirm(reservation_id=held.pk, actor="api"))
    for booking in Booking.objects.filter(status="confirmed"):
        submit(CancelBooking(booking_id=booking.pk, actor="api"))
    later = dump()
    empty_database()
    load(write(earlier))
    load(write(later))
    assert dump() == later
    assert_no_drift()


@pytest.mark.parametrize(
    "models",
    [
        {"event"},
        {"reservation"},
        {"change"},
        {"booking"},
        {"event", "reservation"},
        {"event", "change"},
        {"event", "reservation", "change"},
        {"event", "booking", "reservation"},
    ],
    ids=lambda models: "-".join(sorted(models)),
)
def test_incomplete_dump_is_refused(sold: Event, write: Write, models: set[str]) -> None:
    rows = [row for row in dump() if row["model"].removeprefix("reservations.") in models]
    empty_database()
    refused(write(rows), match="Nothing was loaded")


def test_dump_without_its_latest_changes_is_refused(sold: Event, write: Write) -> None:
    older = dump()
    reserve(sold)
    newer_event = [row for row in dump() if row["model"] == "reservations.event"]
    path = write([*older, *newer_event])
    empty_database()
    refused(path, match="of the event node-meetup-2025, available_seats would be")


def test_excluded_models_are_not_loaded(sold: Event, write: Write) -> None:
    path = write(dump())
    assert "stay as before" not in load(path, exclude=["reservations"])
    empty_database()
    refused(path, match="would be", exclude=["reservations.change"])


def test_dump_of_another_history_is_refused(sold: Event, write: Write) -> None:
    path = write(dump())
    empty_database()
    event = EventFactory.create(pk=sold.pk, slug=sold.slug, total_seats=10)
    reserve(event)
    refused(path, match="change_event_version_unique")


@pytest.mark.parametrize("moved", ["pk", "slug"])
def test_event_that_would_replace_another_is_refused(sold: Event, write: Write, moved: str) -> None:
    path = write(dump())
    empty_database()
    values = {"pk": sold.pk, "slug": sold.slug, moved: 999 if moved == "pk" else "other"}
    EventFactory.create(**values)
    refused(path, match=f"but the event {values['slug']} with the id {values['pk']} exists")


def test_fixtures_loaded_together_are_checked_together(
    sold: Event, write: Write, tmp_path: Path
) -> None:
    rows = dump()
    events = [row for row in rows if row["model"] == "reservations.event"]
    rest = [row for row in rows if row not in events]
    compressed = tmp_path / "rest.json.gz"
    compressed.write_bytes(gzip.compress(json.dumps(rest).encode()))
    empty_database()
    refused(str(compressed), match="there is no event with the id")
    load(str(compressed), write(events, "events"))
    assert dump() == rows
    assert_no_drift()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"available_seats": 11}, "event_available_and_held_seats_within_total"),
        ({"slug": "nul\0"}, "NUL"),
        ({"version": None}, "null value"),
        ({"total_seats": "many"}, "value must be an integer"),
        ({"unknown": 1}, "no field named 'unknown'"),
    ],
    ids=["constraint", "nul", "null", "text", "field"],
)
def test_invalid_row_is_reported_in_one_line(
    write: Write, change: dict[str, Any], match: str
) -> None:
    values = {"slug": "new", "name": "New", "total_seats": 10, "available_seats": 10}
    row = {"model": "reservations.event", "pk": 99, "fields": values | change}
    refused(write([row]), match=match)


def test_unknown_fields_can_be_ignored(write: Write) -> None:
    values = {"slug": "new", "name": "New", "total_seats": 10, "available_seats": 10, "old": 1}
    load(write([{"model": "reservations.event", "fields": values}]), ignorenonexistent=True)
    assert_inventory(Event.objects.get(slug="new"), available=10, version=0, reservations=0)


def test_file_that_is_not_json_is_reported_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("[{")
    refused(str(path), match=r"broken\.json")


def test_locked_event_is_reported_as_busy(sold: Event, write: Write) -> None:
    path = write(dump())
    with locked(sold), session_setting("lock_timeout", "100ms"):
        refused(path, match="the database is busy")


def test_other_fixtures_do_not_wait_for_events(sold: Event, write: Write) -> None:
    user = {"model": "auth.user", "fields": {"username": "clerk", "password": "!"}}
    with locked(sold), session_setting("lock_timeout", "100ms"):
        load(write([user]))
    assert User.objects.filter(username="clerk").exists()


@pytest.mark.xdist_group("races")
def test_sales_during_a_load_are_neither_lost_nor_refused(
    event: Event, write: Write, pool: ThreadPoolExecutor
) -> None:
    event.total_seats = event.available_seats = 100
    event.save()
    reserve(event)
    path = write(dump())
    start = Barrier(5)

    def sell() -> None:
        start.wait()
        for _ in range(5):
            reserve(event)

    def reload() -> None:
        start.wait()
        for _ in range(3):
            load(path)

    tasks = [pool.submit(run_and_disconnect, call) for call in [sell] * 4 + [reload]]
    for task in tasks:
        task.result()
    assert_inventory(event, available=79, version=21, reservations=21)
    assert_no_drift()


def test_dump_has_a_row_of_each_model(sold: Event) -> None:
    """Otherwise, the tests above would not test what they say."""
    models = (Event, Booking, Reservation, Change, IdempotencyRecord)
    assert {row["model"] for row in dump()} == {each._meta.label_lower for each in models}
