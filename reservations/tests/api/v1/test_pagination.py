"""Pages and cursors of GET /api/v1/bookings and /events."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from rest_framework.test import APIClient

from reservations import queries
from reservations.api.v1 import cursors, pagination
from reservations.api.v1.cursors import Cursor
from reservations.ledger import submit
from reservations.ledger.commands import CancelBooking, EditEvent
from reservations.models import Booking, Event, Reservation
from reservations.tests.api.v1.client import BOOKINGS, EVENTS, assert_invalid
from reservations.tests.factories import (
    EventFactory,
    PartnerFactory,
    book,
    caller_of,
)

pytestmark = pytest.mark.django_db

LISTS = pytest.mark.parametrize("path", [EVENTS, BOOKINGS], ids=["events", "bookings"])


def get(client: APIClient, path: str, **query: Any) -> tuple[list[str], dict[str, Any]]:
    response = client.get(path, query)
    assert response.status_code == 200, response.content
    return [each["id"] for each in response.json()["data"]], response.json()["pagination"]


def walk(
    client: APIClient,
    path: str,
    meanwhile: Callable[[int], object] = lambda _: None,
    cursor: str | None = "",
    **query: Any,
) -> list[str]:
    """Return the ids of all entries after ``cursor``; call ``meanwhile`` after each response."""
    found: list[str] = []
    while cursor is not None:
        ids, shown = get(client, path, cursor=cursor, **query)
        assert list(shown) == ["limit", "nextCursor"]
        found += ids
        cursor = shown["nextCursor"]
        meanwhile(len(found))
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
def test_walk_returns_every_booking_once_newest_first(
    event: Event, client: APIClient, limit: int
) -> None:
    made = [str(book((event, 1))) for _ in range(6)]
    assert walk(client, BOOKINGS, limit=limit) == made[::-1]


def test_bookings_with_equal_times_are_not_skipped(event: Event, client: APIClient) -> None:
    made = [str(book((event, 1))) for _ in range(6)]
    for rows in (Booking.objects, Reservation.objects):
        rows.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert walk(client, BOOKINGS, limit=2) == made[::-1]
    assert walk(client, BOOKINGS, limit=2, eventId=event.slug) == made[::-1]


def test_walk_ignores_bookings_made_or_cancelled_meanwhile(event: Event, client: APIClient) -> None:
    Event.objects.update(total_seats=100, available_seats=100)
    made = [book((event, 1)) for _ in range(6)]

    def sell_and_cancel(seen: int) -> None:
        book((event, 1))
        if seen < len(made):
            submit(CancelBooking(booking_id=made[seen], actor="test"))

    assert walk(client, BOOKINGS, sell_and_cancel, limit=1) == [str(each) for each in made[::-1]]


@pytest.mark.parametrize("status", [None, "CONFIRMED", "CANCELLED"])
@pytest.mark.parametrize("by_event", [False, True], ids=["all-events", "one-event"])
@pytest.mark.parametrize("email", [None, "B@example.com"])
def test_walk_and_pages_agree_for_all_filters(
    event: Event, client: APIClient, status: str | None, by_event: bool, email: str | None
) -> None:
    other = EventFactory.create()
    for number in range(8):
        items = [event, other][number % 2 :]
        booked = book(*items, email=f"{'ab'[number // 4]}@example.com")
        if number % 3 == 0:
            submit(CancelBooking(booking_id=booked, actor="test"))
    query = {"status": status, "eventId": event.slug if by_event else None, "email": email}
    given: dict[str, Any] = {name: value for name, value in query.items() if value is not None}
    listed, shown = get(client, BOOKINGS, **given)
    assert 0 < len(listed) == shown["total"]
    assert walk(client, BOOKINGS, limit=1, **given) == listed
    first, shown = get(client, BOOKINGS, limit=1, **given)
    assert first + walk(client, BOOKINGS, cursor=shown["nextCursor"], limit=2, **given) == listed


def test_walk_skips_no_event_whose_date_is_edited(client: APIClient) -> None:
    Event.objects.all().delete()
    slugs = sorted(each.slug for each in EventFactory.create_batch(5, starts_at=day(15)))

    def move(seen: int) -> None:
        for number, slug in enumerate(slugs):
            moved = day(1) if number >= seen else day(28)
            submit(EditEvent(event=slug, edits={"starts_at": moved}, actor="test"))

    assert walk(client, EVENTS, move, limit=1) == slugs


def day(number: int) -> datetime:
    return datetime(2027, 1, number, tzinfo=UTC)


def test_next_cursor_of_a_page_continues_in_its_order(client: APIClient) -> None:
    Event.objects.all().delete()
    for slug, date in {"d": 1, "a": 2, "c": 2, "b": None, "e": None}.items():
        EventFactory.create(slug=slug, starts_at=day(date) if date else None)
    for limit in range(1, 5):
        first, shown = get(client, EVENTS, limit=limit)
        rest = walk(client, EVENTS, cursor=shown["nextCursor"], limit=1)
        assert first + rest == ["d", "a", "c", "b", "e"]


@LISTS
def test_total_is_exact_up_to_the_maximum_then_capped(
    event: Event, client: APIClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_ROWS", 6)
    for _ in range(6 - Event.objects.count()):
        EventFactory.create()
    for _ in range(6):
        book((event, 1))
    exact = {"page": 1, "limit": 2, "total": 6, "totalPages": 3}
    shown = get(client, path, limit=2)[1]
    assert shown == {**exact, "nextCursor": shown["nextCursor"]}
    EventFactory.create()
    book((event, 1))
    ids, last = get(client, path, page=3, limit=2)
    assert (len(ids), last["total"], last["totalPages"], last["totalCapped"]) == (2, 6, 3, True)
    assert len(walk(client, path, cursor=last["nextCursor"])) == 1


@LISTS
@pytest.mark.parametrize(("page", "limit"), [(101, 100), (501, 20), (10_001, 1), (10**9, 100)])
def test_page_beyond_10000_entries_is_told_to_use_cursor(
    event: Event, client: APIClient, path: str, page: int, limit: int
) -> None:
    sentence = "page times limit must be at most 10000; to read further, use cursor"
    assert_invalid(client.get(path, {"page": page, "limit": limit}), ("page", sentence))
    assert get(client, path, page=10_000 // limit, limit=limit)[0] == []


@LISTS
def test_page_and_cursor_together_are_rejected(client: APIClient, path: str) -> None:
    response = client.get(path, {"page": "1", "cursor": ""})
    assert_invalid(response, ("cursor", "cannot be combined with page"))


def token(*values: object) -> str:
    return urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().strip("=")


UUID_TEXT = "01a1fe49-bd0f-71b7-80a6-fc318d83eb81"
LATER = (datetime(2100, 1, 1, tzinfo=UTC), UUID_TEXT)
INVALID_CURSORS = {
    "text": "x",
    "spaces": "  ",
    "nul": "\x00",
    "huge": "A" * 5000,
    "padded": token("events", "a") + "=",
    "no-list": urlsafe_b64encode(b"5").decode(),
    "empty-list": token(),
    "unknown-order": token("x", "a"),
    "too-few": token("bookings", "2026-01-01T00:00:00+00:00"),
    "too-many": token("events", "a", "b"),
    "number": token("events", 5),
    "null": token("bookings", None, None),
    "nested": token("events", ["a"]),
    "slug": token("events", "a b"),
    "no-time": token("bookings", "x", UUID_TEXT),
    "naive-time": token("bookings", "2026-01-01T00:00:00", UUID_TEXT),
    "other-zone": token("bookings", "2026-01-01T00:00:00+14:00", UUID_TEXT),
    "no-uuid": token("bookings", "2026-01-01T00:00:00+00:00", "x"),
    "other-notation": token("bookings", "2026-01-01T00:00:00Z", UUID_TEXT),
}


@LISTS
@pytest.mark.parametrize("name", INVALID_CURSORS)
def test_invalid_cursor_is_rejected(client: APIClient, path: str, name: str) -> None:
    response = client.get(path, {"cursor": INVALID_CURSORS[name]})
    assert_invalid(response, ("cursor", "must be empty or a nextCursor of this list"))


def test_cursor_of_another_list_is_rejected(event: Event, client: APIClient) -> None:
    EventFactory.create()
    for _ in range(2):
        book((event, 1))
    for source, target in ((EVENTS, BOOKINGS), (BOOKINGS, EVENTS)):
        cursor = get(client, source, limit=1)[1]["nextCursor"]
        response = client.get(target, {"cursor": cursor})
        assert_invalid(response, ("cursor", "must be empty or a nextCursor of this list"))


@pytest.mark.parametrize("year", [1, 9999])
def test_cursor_at_the_limits_of_time_is_accepted(client: APIClient, year: int) -> None:
    time = datetime(year, 12, 31, tzinfo=UTC)
    encoded = cursors.encode(Cursor(queries.BOOKINGS_BY_TIME, (time, UUID_TEXT)))
    assert get(client, BOOKINGS, cursor=encoded)[0] == []


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "booking_newest"),
        ({"status": "cancelled"}, "booking_status"),
        ({"event": "e"}, "reservation_event_booked"),
        ({"event": "e", "status": "cancelled"}, "reservation_event_status"),
    ],
    ids=["all", "status", "event", "event-and-status"],
)
def test_page_of_bookings_starts_inside_an_index(filters: dict[str, str], index: str) -> None:
    event = EventFactory.create(slug="e")
    for _ in range(10):
        book((event, 1))
    analyse()
    bookings = queries.get_bookings(caller=None, **filters)
    # Before all bookings: if none followed, an index without the status would cost the same.
    assert_reads_range(queries.BOOKINGS_BY_TIME.rows_after(bookings, LATER)[:21], index)


@pytest.mark.parametrize(
    ("filters", "index"),
    [({}, "booking_partner"), ({"status": "cancelled"}, "booking_partner_status")],
    ids=["all", "status"],
)
def test_page_of_own_bookings_starts_inside_an_index(filters: dict[str, str], index: str) -> None:
    owners = [*["abc-corp"] * 1000, *[""] * 3000]
    Booking.objects.bulk_create(
        Booking(partner=owner, status="cancelled" if number % 2 else "confirmed", created_at=day(1))
        for number, owner in enumerate(owners)
    )
    analyse()
    caller = caller_of(PartnerFactory.create(slug="abc-corp"))
    bookings = queries.get_bookings(caller=caller, **filters)
    assert_reads_range(queries.BOOKINGS_BY_TIME.rows_after(bookings, LATER)[:21], index)


def test_page_of_own_reservations_starts_inside_an_index(event: Event) -> None:
    Reservation.objects.bulk_create(
        Reservation(event=event, partner=partner, seats=1, status="confirmed")
        for partner in ["abc-corp", *["other-corp"] * 99] * 20
    )
    analyse()
    own = queries.get_reservations(partner="abc-corp")
    following = queries.RESERVATIONS_BY_ID.rows_after(own, (UUID(int=2**128 - 1),))
    assert_reads_range(following[:21], "reservation_partner_newest")


def analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE reservations_reservation, reservations_booking")


def test_page_of_events_starts_inside_an_index() -> None:
    events = queries.get_events()
    by_date = queries.EVENTS_BY_DATE.rows_after(events, (day(1), "a"))
    assert_reads_range(by_date[:21], "event_date")
    assert_reads_range(queries.EVENTS_BY_SLUG.rows_after(events, ("a",))[:21], "event_slug_unique")


def assert_reads_range(rows: Any, index: str) -> None:
    """Check that the rows come in order from ``index``, and that a condition limits its range."""
    with connection.cursor() as cursor:
        # The tables are too small for PostgreSQL to prefer an index.
        for kind in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{kind} = off")
    plan = rows.explain()
    assert f"using {index} on" in plan
    assert "Sort" not in plan
    scan = plan.partition(f"using {index} on")[2]
    assert "<=" in scan.partition("Index Cond")[2] or ">" in scan.partition("Index Cond")[2]
