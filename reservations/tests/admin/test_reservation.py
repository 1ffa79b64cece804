"""Reservations: found in many ways, cancelled in one."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reservations.models import Booking, Event, Reservation
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    RESERVATIONS,
    cancel,
    messages,
    page_of,
    shown,
)
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, setting
from reservations.tests.factories import EventFactory, book, hold, reserve


@pytest.mark.parametrize(
    ("query", "found"),
    [("acme", 2), ("acme-1", 1), ("cme", 0), ("not-a-uuid", 0), ("%25", 0), (str(uuid4()), 0)],
)
def test_search_by_partner(boss: Client, event: Event, query: str, found: int) -> None:
    reserve(event, partner="acme-1")
    reserve(event, partner="acme-2")
    assert len(shown(boss.get(f"{RESERVATIONS}?q={query}"))) == found


def test_search_by_a_partner_whose_id_is_a_uuid(boss: Client, event: Event) -> None:
    partner = str(uuid4())
    pk = reserve(event, partner=partner)
    assert [row.pk for row in shown(boss.get(RESERVATIONS, {"q": partner}))] == [pk]


def test_search_by_id(boss: Client, event: Event) -> None:
    reserve(event)
    pk = reserve(event)
    for text in (str(pk), pk.hex, f" {pk} ", str(pk).upper()):
        assert [row.pk for row in shown(boss.get(RESERVATIONS, {"q": text}))] == [pk]


def test_filters(boss: Client, event: Event) -> None:
    other = EventFactory.create()
    kept, gone, elsewhere = reserve(event), reserve(event), reserve(other)
    cancel(boss, gone)

    def found(query: str) -> set[object]:
        return {row.pk for row in shown(boss.get(f"{RESERVATIONS}?{query}"))}

    assert found("status__exact=cancelled") == {gone}
    assert found(f"event__id__exact={other.pk}") == {elsewhere}
    assert found(f"event__id__exact={event.pk}&status__exact=confirmed") == {kept}


def test_the_days_of_a_range_are_included(boss: Client, event: Event) -> None:
    for day in (9, 10, 11, 12):
        pk = reserve(event, partner=f"day-{day}")
        late = datetime(2026, 5, day, 23, 59, 59, tzinfo=UTC)
        Reservation.objects.filter(pk=pk).update(created_at=late)
    answer = boss.get(f"{RESERVATIONS}?created_at_from=2026-05-10&created_at_to=2026-05-11")
    assert {row.partner for row in shown(answer)} == {"day-10", "day-11"}


@pytest.mark.parametrize("typed", ["21.11.2026", "nonsense", "9999-12-31"])
def test_an_invalid_date_shows_nothing_and_says_so(boss: Client, event: Event, typed: str) -> None:
    reserve(event)
    answer = boss.get(f"{RESERVATIONS}?created_at_to={typed}&status__exact=confirmed")
    assert shown(answer) == []
    assert "That is no date: write it like 2026-11-21." in messages(answer)


def test_newest_first(boss: Client, event: Event) -> None:
    made = [reserve(event) for _ in range(3)]
    assert [row.pk for row in shown(boss.get(RESERVATIONS))] == made[::-1]


def test_holds_are_found(boss: Client, event: Event) -> None:
    held = hold(event)
    reserve(event)
    answer = boss.get(f"{RESERVATIONS}?status__exact=held")
    [row] = shown(answer)
    assert row.pk == held
    for page in (answer, boss.get(page_of(RESERVATIONS, held))):
        assert f"{row.expires_at:%-d %b %Y, %H:%M:%S} UTC" in page.content.decode()


def test_a_cancelled_hold_returns_its_seats(boss: Client, event: Event) -> None:
    pk = hold(event, seats=4)
    question = cancel(boss, pk, confirmed=False).content.decode()
    assert "Cancel 1 reservation and return 4 seats?" in question
    assert messages(cancel(boss, pk)) == ["1 of 1 cancelled, 4 seats returned."]
    assert_inventory(event, available=10, version=2, reservations=0)
    assert event.held_seats == 0


def test_an_item_links_its_booking(boss: Client, event: Event) -> None:
    pk = book(event)
    item = Reservation.objects.get()
    for page in (RESERVATIONS, page_of(RESERVATIONS, item.pk)):
        assert f'href="{page_of(BOOKINGS, pk)}"' in boss.get(page).content.decode()


def part_of(booking: object, item: object) -> str:
    return (
        f"{item}: The reservation is part of a booking, which is cancelled whole: "
        f'<a href="{page_of(BOOKINGS, booking)}" class="text-link">{booking}</a>.'
    )


def test_an_item_of_a_booking_is_not_asked_about(boss: Client, event: Event) -> None:
    live = reserve(event, seats=3)
    booking = book(event)
    [item] = Booking.objects.get(pk=booking).items.all()
    answer = cancel(boss, live, item.pk, confirmed=False)
    page = answer.content.decode()
    assert "Cancel 1 reservation and return 3 seats?" in page
    assert f'value="{item.pk}"' not in page
    assert part_of(booking, item) in page
    answer = cancel(boss, item.pk, confirmed=False)
    assert messages(answer) == [part_of(booking, item), "None of these can be cancelled."]


def test_an_item_of_a_booking_is_not_cancelled_alone(boss: Client, event: Event) -> None:
    booking = book(event)
    [item] = Booking.objects.get(pk=booking).items.all()
    answer = cancel(boss, item.pk)
    assert messages(answer) == [part_of(booking, item)]
    assert part_of(booking, item) in answer.content.decode()
    assert_inventory(event, available=9, version=1, reservations=1)


def test_a_cancel_asks_first(boss: Client, event: Event) -> None:
    pks = [reserve(event, seats=2), reserve(event, seats=3)]
    answer = cancel(boss, *pks, confirmed=False)
    page = answer.content.decode()
    assert "Cancel 2 reservations and return 5 seats?" in page
    assert all(f'value="{pk}"' in page for pk in pks)
    assert_inventory(event, available=5, version=2, reservations=2)


def test_what_is_cancelled_already_is_not_asked_about(boss: Client, event: Event) -> None:
    gone, live = reserve(event, seats=2), reserve(event, seats=3)
    cancel(boss, gone)
    page = cancel(boss, gone, live, confirmed=False).content.decode()
    assert "Cancel 1 reservation and return 3 seats?" in page
    answer = cancel(boss, gone, uuid4(), confirmed=False)
    assert messages(answer) == ["None of these can be cancelled."]


def test_a_cancel_returns_the_seats(boss: Client, event: Event) -> None:
    pks = [reserve(event, seats=2), reserve(event, seats=3)]
    answer = cancel(boss, *pks)
    assert messages(answer) == ["2 of 2 cancelled, 5 seats returned."]
    assert_inventory(event, available=10, version=4, reservations=0)
    assert set(event.changes.filter(version__gt=2).values_list("kind", "actor")) == {
        ("cancelled", "admin:boss")
    }
    assert LogEntry.objects.filter(object_id__in=map(str, pks)).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_cancel_is_one_batch_in_one_transaction(boss: Client, event: Event) -> None:
    other = EventFactory.create()
    pks = [reserve(event), reserve(other), reserve(event)]
    with CaptureQueriesContext(connection) as queries:
        cancel(boss, *pks)
    statements = [query["sql"] for query in queries]
    [lock] = [number for number, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql]
    begin = max(number for number, sql in enumerate(statements[:lock]) if sql == "BEGIN")
    commit = next(n for n, sql in enumerate(statements) if n > lock and sql == "COMMIT")
    # Only the ledger's statements between the two.
    assert all("reservations_" in sql for sql in statements[begin + 1 : commit])
    assert not any("SAVEPOINT" in sql for sql in statements)
    assert_inventory(event, available=10, version=4, reservations=0)
    assert_inventory(other, available=10, version=2, reservations=0)


def test_refusals_are_reported(boss: Client, event: Event) -> None:
    gone, live, nowhere = reserve(event, seats=2), reserve(event, seats=3), uuid4()
    cancel(boss, gone)
    # With a filter that hides what somebody else has cancelled in the meantime.
    data = {
        "action": "cancel",
        "confirmed": "yes",
        "_selected_action": [str(gone), str(live), str(live).upper(), str(nowhere)],
    }
    answer = boss.post(f"{RESERVATIONS}?status__exact=confirmed", data, follow=True)
    assert messages(answer) == [
        "1 of 3 cancelled, 3 seats returned.",
        f"{gone}: Reservation not found or already cancelled.",
        f"{nowhere}: Reservation not found or already cancelled.",
    ]
    assert_inventory(event, available=10, version=4, reservations=0)


def test_many_refusals_are_summarised(boss: Client, event: Event) -> None:
    answer = cancel(boss, *[uuid4() for _ in range(12)])
    told = messages(answer)
    assert len(told) == 11
    assert told[-1] == "2 more were refused."


@pytest.mark.django_db(transaction=True)
def test_a_locked_event_is_reported(boss: Client, event: Event) -> None:
    pk = reserve(event)
    with locked(event), setting("lock_timeout", "100ms"):
        answer = cancel(boss, pk)
    assert messages(answer) == ["Server is too busy, please try again."]
    assert_inventory(event, available=9, version=1, reservations=1)


@pytest.mark.parametrize("ids", [["nonsense"], ["\0"], [""], []])
@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("across", ["0", "1"])
def test_a_wrong_selection_changes_nothing(
    boss: Client, event: Event, ids: list[str], confirmed: bool, across: str
) -> None:
    reserve(event)
    answer = cancel(boss, *ids, confirmed=confirmed, select_across=across)
    assert answer.status_code == 200
    assert_inventory(event, available=9, version=1, reservations=1)


def test_a_viewer_sees_no_action_and_cannot_post_one(login: Login, event: Event) -> None:
    pk = reserve(event)
    viewer = login("view_reservation")
    assert "Cancel and return the seats" not in viewer.get(RESERVATIONS).content.decode()
    for confirmed in (True, False):
        assert "return" not in " ".join(messages(cancel(viewer, pk, confirmed=confirmed)))
    assert_inventory(event, available=9, version=1, reservations=1)


def test_no_event_filter_without_the_permission(login: Login, event: Event) -> None:
    clerk = login("view_reservation")
    filters = [each.title for each in clerk.get(RESERVATIONS).context["cl"].filter_specs]
    assert filters == ["status", "created at"]


def test_a_clerk_may_cancel(login: Login, event: Event) -> None:
    pk = reserve(event)
    clerk = login("view_reservation", "cancel_reservation")
    assert "Cancel and return the seats" in clerk.get(RESERVATIONS).content.decode()
    cancel(clerk, pk)
    assert_inventory(event, available=10, version=2, reservations=0)
