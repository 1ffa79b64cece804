"""GET /api/v1/events, /events/{id} and /events/{id}/changes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from reservations.errors import VersionAhead
from reservations.ledger import submit
from reservations.ledger.commands import Cancel, CancelBooking, Confirm, EditEvent, ReleaseHolds
from reservations.models import Change, Event
from reservations.tests.api.v1.client import EVENTS, INVALID_NUMBERS, assert_invalid
from reservations.tests.database import run_and_disconnect
from reservations.tests.factories import EventFactory, book, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db


def test_event_is_shown_with_its_counters(event: Event, client: APIClient, slash: str) -> None:
    response = client.get(f"{EVENTS}/{event.slug}{slash}")
    assert (response.status_code, response.json()) == (
        200,
        {
            "data": {
                "id": "node-meetup-2025",
                "name": "Node.js Meet-up",
                "date": None,
                "venue": None,
                "totalSeats": 10,
                "availableSeats": 10,
                "version": 0,
                "salesPaused": False,
                "salesOpenAt": None,
                "salesCloseAt": None,
            }
        },
    )


def test_event_is_shown_with_date_and_venue(client: APIClient) -> None:
    event = EventFactory.create(venue="Hall", starts_at=datetime(2027, 3, 1, 18, 30, tzinfo=UTC))
    shown = client.get(f"{EVENTS}/{event.slug}").json()["data"]
    assert (shown["date"], shown["venue"]) == ("2027-03-01T18:30:00Z", "Hall")


@pytest.mark.parametrize(
    "unknown",
    ["none", "a b", "\x00", "\u00e4", "x" * 200],
    ids=["unknown", "space", "nul", "umlaut", "200-characters"],
)
@pytest.mark.parametrize("rest", ["", "/changes"], ids=["event", "changes"])
def test_unknown_event_is_answered_with_404(
    event: Event, client: APIClient, unknown: str, rest: str
) -> None:
    response = client.get(f"{EVENTS}/{unknown}{rest}")
    assert (response.status_code, response.json()) == (
        404,
        {"error": "EventNotFound", "message": "Event not found", "eventId": unknown},
    )


def test_long_id_of_an_unknown_event_is_cut_in_the_response(client: APIClient) -> None:
    response = client.get(f"{EVENTS}/{'x' * 5000}")
    assert response.status_code == 404
    assert response.json()["eventId"] == "x" * 199 + "\u2026"


@pytest.mark.parametrize("path", ["", "/x", "/x/changes"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_not_allowed(
    event: Event, client: APIClient, path: str, method: str
) -> None:
    response = getattr(client, method)(EVENTS + path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert response.json()["error"] == "MethodNotAllowed"


def dated(day: int | None, slug: str) -> Event:
    starts_at = datetime(2027, 1, day, tzinfo=UTC) if day else None
    return EventFactory.create(slug=slug, starts_at=starts_at)


def test_events_are_listed_by_date_then_id_undated_last(event: Event, client: APIClient) -> None:
    for day, slug in ((9, "d"), (2, "c"), (None, "a"), (2, "b")):
        dated(day, slug)
    shown = client.get(EVENTS).json()
    assert [each["id"] for each in shown["data"]] == ["b", "c", "d", "a", "node-meetup-2025"]
    assert shown["pagination"] == {
        "page": 1,
        "limit": 20,
        "total": 5,
        "totalPages": 1,
        "nextCursor": None,
    }


def test_list_is_paginated(event: Event, client: APIClient, slash: str) -> None:
    for number in range(1, 5):
        dated(number, f"e{number}")

    def page(number: int, limit: int = 2) -> tuple[list[str], dict[str, Any]]:
        shown = client.get(EVENTS + slash, {"page": number, "limit": limit})
        assert shown.status_code == 200
        pagination = shown.json()["pagination"]
        assert (pagination.pop("nextCursor") is None) == (number > 2 or limit > 2)
        return [each["id"] for each in shown.json()["data"]], pagination

    assert page(1) == (["e1", "e2"], {"page": 1, "limit": 2, "total": 5, "totalPages": 3})
    assert page(3) == (
        ["node-meetup-2025"],
        {"page": 3, "limit": 2, "total": 5, "totalPages": 3},
    )
    for past in (4, 5000):
        assert page(past) == ([], {"page": past, "limit": 2, "total": 5, "totalPages": 3})
    assert len(page(1, 100)[0]) == 5


@pytest.mark.parametrize("invalid", INVALID_NUMBERS)
@pytest.mark.parametrize(
    ("name", "maximum"), [("page", 10**9), ("limit", 100)], ids=["page", "limit"]
)
def test_invalid_page_or_limit_is_rejected(
    event: Event, client: APIClient, name: str, maximum: int, invalid: str
) -> None:
    query = f"{name}={invalid}" if invalid.startswith("%") else None
    response = client.get(f"{EVENTS}?{query}") if query else client.get(EVENTS, {name: invalid})
    assert_invalid(response, (name, f"must be an integer from 1 to {maximum}"))


def test_limit_above_100_is_rejected(event: Event, client: APIClient) -> None:
    assert client.get(EVENTS, {"limit": 101}).status_code == 400


@pytest.mark.parametrize("events", [1, 3])
def test_number_of_queries_does_not_grow_with_events(client: APIClient, events: int) -> None:
    created = EventFactory.create_batch(events)
    for each in created:
        reserve(each)
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(EVENTS).json()["data"]) >= events
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(EVENTS, {"cursor": ""}).json()["data"]) >= events
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"{EVENTS}/{created[0].slug}").status_code == 200
    assert len(queries) == 1


def changes(client: APIClient, event: Event, **query: Any) -> Any:
    response = client.get(f"{EVENTS}/{event.slug}/changes", query)
    assert response.status_code == 200
    return response.json()


def test_changes_show_the_history_in_order(event: Event, client: APIClient, slash: str) -> None:
    bought, held, expired = reserve(event, seats=4), hold(event, seats=2), hold(event, seats=1)
    submit(Confirm(reservation_id=held, actor="test"))
    expire_hold(expired)
    submit(ReleaseHolds(event=event.slug))
    submit(Cancel(reservation_id=bought, actor="test"))
    submit(EditEvent(event=event.slug, edits={"name": "New", "total_seats": 12}, actor="test"))
    booked = book((event, 3))
    submit(CancelBooking(booking_id=booked, actor="test"))
    item = str(event.reservations.get(booking=booked).pk)
    response = client.get(f"{EVENTS}/{event.slug}/changes{slash}")
    shown = response.json()
    times = [each.pop("at") for each in shown["data"]]
    assert times == sorted(times)
    assert times[0].endswith("Z")
    assert (response.status_code, shown["next"]) == (200, 10)
    assert [tuple(each.values()) for each in shown["data"]] == [
        (1, "confirmed", -4, 6, str(bought)),
        (2, "held", -2, 4, str(held)),
        (3, "held", -1, 3, str(expired)),
        (4, "hold_confirmed", 0, 3, str(held)),
        (5, "expired", 1, 4, str(expired)),
        (6, "cancelled", 4, 8, str(bought)),
        (7, "edited", 0, 8, None),
        (8, "capacity", 2, 10, None),
        (9, "confirmed", -3, 7, item),
        (10, "cancelled", 3, 10, item),
    ]
    assert list(shown["data"][0]) == [
        "version",
        "kind",
        "seats",
        "availableSeats",
        "reservationId",
    ]


def test_changes_show_no_customer_or_actor(event: Event, client: APIClient) -> None:
    book((event, 1))
    [change] = changes(client, event)["data"]
    assert set(change) == {"version", "kind", "seats", "availableSeats", "reservationId", "at"}


def test_changes_are_read_in_pages(event: Event, client: APIClient) -> None:
    for _ in range(5):
        reserve(event)
    first = changes(client, event, limit=2)
    assert ([each["version"] for each in first["data"]], first["next"]) == ([1, 2], 2)
    rest = changes(client, event, after=2)
    assert ([each["version"] for each in rest["data"]], rest["next"]) == ([3, 4, 5], 5)
    assert changes(client, event, after=5) == {"data": [], "next": 5}


@pytest.mark.parametrize("after", [2, 2**63 - 1])
def test_changes_after_a_version_not_reached_are_refused(
    event: Event, client: APIClient, after: int
) -> None:
    """After a restore from a backup, a consumer must learn that it is ahead."""
    reserve(event)
    response = client.get(f"{EVENTS}/{event.slug}/changes", {"after": after})
    assert (response.status_code, response.json()) == (
        409,
        {"error": "VersionAhead", "message": VersionAhead.message, "version": 1},
    )


@pytest.mark.parametrize("invalid", [each for each in INVALID_NUMBERS if each != "0"])
def test_invalid_after_is_rejected(event: Event, client: APIClient, invalid: str) -> None:
    path = f"{EVENTS}/{event.slug}/changes"
    response = (
        client.get(f"{path}?after={invalid}")
        if "%" in invalid
        else client.get(path, {"after": invalid})
    )
    assert_invalid(response, ("after", "must be an integer from 0 to 9223372036854775807"))


def reserve_15_times(event: Event) -> None:
    for _ in range(15):
        reserve(event)


def versions_after(client: APIClient, event: Event, after: int) -> list[int]:
    return [each["version"] for each in changes(client, event, after=after)["data"]]


@pytest.mark.django_db(transaction=True)
def test_reader_misses_no_change_during_sales(event: Event, client: APIClient) -> None:
    Event.objects.update(total_seats=1000, available_seats=1000)
    seen = [0]
    with ThreadPoolExecutor(4) as pool:
        buyers = [
            pool.submit(run_and_disconnect, partial(reserve_15_times, event)) for _ in range(4)
        ]
        while not all(buyer.done() for buyer in buyers):
            seen += versions_after(client, event, seen[-1])
        for buyer in buyers:
            buyer.result()
    while page := versions_after(client, event, seen[-1]):
        seen += page
    assert seen == list(range(61))
    assert Change.objects.count() == 60
