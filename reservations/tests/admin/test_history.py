"""The history pages: what staff did in the admin, and what the ledger did for anyone."""

from html import escape
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from reservations.ledger import submit
from reservations.ledger.commands import Cancel, CancelBooking, Confirm, ReleaseHolds
from reservations.models import Change, Event, Reservation
from reservations.queries import get_changes_of
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    CHANGES,
    EVENTS,
    RESERVATIONS,
    cancel,
    page_of,
    rows_read,
    short_link,
    statements,
)
from reservations.tests.factories import EventFactory, book, expire_hold, hold, reserve


def history(client: Client, page: str, pk: object) -> list[list[Any]]:
    """Return who did what, how many seats it returned, and to what, newest first."""
    response = client.get(f"{page}{pk}/history/")
    assert response.status_code == 200
    return [row[1:] for row in response.context["history"]["rows"]]


def change_link(event: Event, version: int) -> str:
    change = event.changes.get(version=version)
    url = page_of(CHANGES, change.pk)
    return f'<a href="{url}" class="text-link">{escape(event.name)}, version {version}</a>'


def test_reservation_history_shows_what_the_api_cancelled(
    admin_client: Client, event: Event
) -> None:
    pk = reserve(event, seats=3)
    reserve(event)
    submit(Cancel(reservation_id=pk, actor="api"))
    assert history(admin_client, RESERVATIONS, pk) == [
        ["api", "Cancelled", "+3", change_link(event, 3)],
        ["test", "Confirmed", "-3", change_link(event, 1)],
    ]


def test_reservation_history_shows_how_holds_ended(admin_client: Client, event: Event) -> None:
    confirmed, expired = hold(event), hold(event)
    submit(Confirm(reservation_id=confirmed, actor="api"))
    expire_hold(expired)
    submit(ReleaseHolds(event=event.slug))
    assert [row[:3] for row in history(admin_client, RESERVATIONS, confirmed)] == [
        ["api", "Hold Confirmed", "0"],
        ["test", "Held", "-1"],
    ]
    assert [row[:3] for row in history(admin_client, RESERVATIONS, expired)] == [
        ["expiry", "Expired", "+1"],
        ["test", "Held", "-1"],
    ]


def test_booking_history_shows_the_changes_of_all_items(admin_client: Client, event: Event) -> None:
    other = EventFactory.create(name="Jazz <Night>")
    pk = book((event, 2), (other, 1))
    book(event)
    submit(CancelBooking(booking_id=pk, actor="api"))
    rows = history(admin_client, BOOKINGS, pk)
    assert sorted(map(tuple, rows)) == sorted(
        [
            (
                "api",
                "Cancelled",
                "+1",
                change_link(other, 2),
            ),
            ("api", "Cancelled", "+2", change_link(event, 3)),
            (
                "test",
                "Confirmed",
                "-1",
                change_link(other, 1),
            ),
            ("test", "Confirmed", "-2", change_link(event, 1)),
        ]
    )
    assert [row[1] for row in rows] == ["Cancelled"] * 2 + ["Confirmed"] * 2


def test_history_contains_the_admin_log_in_order(admin_client: Client, event: Event) -> None:
    pk = reserve(event)
    cancel(admin_client, pk)
    assert [row[:3] for row in history(admin_client, RESERVATIONS, pk)] == [
        ["admin:admin", "Cancelled.", ""],
        ["admin:admin", "Cancelled", "+1"],
        ["test", "Confirmed", "-1"],
    ]


def test_event_history_shows_the_newest_100_entries(admin_client: Client, event: Event) -> None:
    event.total_seats = event.available_seats = 200
    event.save()
    made = [reserve(event) for _ in range(101)]
    response = admin_client.get(f"{EVENTS}{event.pk}/history/")
    rows = [row[1:] for row in response.context["history"]["rows"]]
    assert [row[3] for row in rows] == [short_link(RESERVATIONS, pk) for pk in made[:0:-1]]
    page = response.content.decode()
    assert "Only the newest 100 entries are shown." in page
    assert f'href="{CHANGES}?event__id__exact={event.pk}"' in page


def test_changes_in_a_history_need_the_permission(login: Login, event: Event) -> None:
    clerk = login("view_reservation", "cancel_reservation")
    pk = reserve(event)
    assert history(clerk, RESERVATIONS, pk) == []
    assert "There are no entries." in clerk.get(f"{RESERVATIONS}{pk}/history/").content.decode()
    cancel(clerk, pk)
    assert history(clerk, RESERVATIONS, pk) == [["admin:clerk", "Cancelled.", "", ""]]


def test_history_needs_the_permission_to_view_the_row(login: Login, event: Event) -> None:
    clerk = login("view_change")
    for page, pk in ((RESERVATIONS, reserve(event)), (BOOKINGS, book(event)), (EVENTS, event.pk)):
        assert clerk.get(f"{page}{pk}/history/").status_code == 403


def test_number_of_queries_does_not_grow_with_the_history(
    admin_client: Client, event: Event
) -> None:
    one = book(event)
    many = book(event, *EventFactory.create_batch(3))
    submit(CancelBooking(booking_id=many, actor="api"))
    pages = [f"{BOOKINGS}{pk}/history/" for pk in (one, one, many)]
    _, before, after = [len(statements(admin_client, path)) for path in pages]
    assert before == after


def store_sales(event: Event, count: int) -> list[UUID]:
    """Store confirmed reservations with their changes; return their ids."""
    made = Reservation.objects.bulk_create(
        Reservation(event=event, seats=1, status="confirmed") for _ in range(count)
    )
    first = event.changes.count() + 1
    Change.objects.bulk_create(
        Change(
            event=event,
            version=version,
            kind="confirmed",
            seats=-1,
            available_seats=0,
            reservation=reservation,
            actor="api",
        )
        for version, reservation in enumerate(made, first)
    )
    return [each.pk for each in made]


@pytest.mark.usefixtures("planned_for_large_tables")
def test_history_reads_no_more_rows_as_the_table_grows(admin_client: Client, event: Event) -> None:
    [pk, *_] = store_sales(event, 300)
    path = f"{RESERVATIONS}{pk}/history/"
    before = rows_read(admin_client, path)
    store_sales(event, 300)
    assert rows_read(admin_client, path) == before


def test_changes_of_no_reservation_are_none(event: Event) -> None:
    reserve(event)
    assert get_changes_of([]) == []


def test_entry_of_the_admin_log_without_a_message_is_shown(
    admin_client: Client, event: Event
) -> None:
    user = admin_client.get("/admin/").context["user"]
    LogEntry.objects.log_actions(user.pk, [event], 2, "", single_object=True)
    assert history(admin_client, EVENTS, event.pk) == [["admin:admin", "", "", ""]]
