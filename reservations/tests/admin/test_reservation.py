"""The admin pages of reservations: list, search, filters and cancelling."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from reservations.ledger import submit
from reservations.ledger.commands import ReleaseHolds
from reservations.models import Booking, Change, Event, Reservation
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    RESERVATIONS,
    cancel,
    messages,
    page_of,
    short_link,
    shown,
)
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, session_setting
from reservations.tests.factories import EventFactory, book, expire_hold, hold, reserve


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("acme", 2),
        ("acme-1", 1),
        ("cme", 0),
        ("not-a-uuid", 0),
        ("%25", 0),
        ("01a1fe49-bd0f-71b7-80a6-fc318d83eb81", 0),
    ],
)
def test_search_finds_beginnings_of_partner_ids(
    admin_client: Client, event: Event, query: str, found: int
) -> None:
    reserve(event, partner="acme-1")
    reserve(event, partner="acme-2")
    assert len(shown(admin_client.get(f"{RESERVATIONS}?q={query}"))) == found


def test_search_finds_partner_ids_in_any_normalisation(admin_client: Client, event: Event) -> None:
    pk = reserve(event, partner="caf\u00e9-1")
    response = admin_client.get(RESERVATIONS, {"q": "cafe\u0301"})
    assert [row.pk for row in shown(response)] == [pk]


def test_search_finds_a_partner_id_that_is_a_uuid(admin_client: Client, event: Event) -> None:
    partner = str(uuid4())
    pk = reserve(event, partner=partner)
    assert [row.pk for row in shown(admin_client.get(RESERVATIONS, {"q": partner}))] == [pk]


def test_search_finds_ids_in_any_notation(admin_client: Client, event: Event) -> None:
    reserve(event)
    pk = reserve(event)
    for text in (str(pk), pk.hex, f" {pk} ", str(pk).upper()):
        assert [row.pk for row in shown(admin_client.get(RESERVATIONS, {"q": text}))] == [pk]


def test_filters_select_by_status_and_event(admin_client: Client, event: Event) -> None:
    other = EventFactory.create()
    kept, cancelled, elsewhere = reserve(event), reserve(event), reserve(other)
    cancel(admin_client, cancelled)

    def found(query: str) -> set[object]:
        return {row.pk for row in shown(admin_client.get(f"{RESERVATIONS}?{query}"))}

    assert found("status__exact=cancelled") == {cancelled}
    assert found(f"event__id__exact={other.pk}") == {elsewhere}
    assert found(f"event__id__exact={event.pk}&status__exact=confirmed") == {kept}


def test_date_range_includes_its_first_and_last_day(admin_client: Client, event: Event) -> None:
    for day in (9, 10, 11, 12):
        pk = reserve(event, partner=f"day-{day}")
        late = datetime(2026, 5, day, 23, 59, 59, tzinfo=UTC)
        Reservation.objects.filter(pk=pk).update(created_at=late)
    response = admin_client.get(
        f"{RESERVATIONS}?created_at_from=2026-05-10&created_at_to=2026-05-11"
    )
    assert {row.partner for row in shown(response)} == {"day-10", "day-11"}


@pytest.mark.parametrize("typed", ["21.11.2026", "nonsense", "9999-12-31"])
def test_invalid_date_is_reported_and_shows_no_rows(
    admin_client: Client, event: Event, typed: str
) -> None:
    reserve(event)
    response = admin_client.get(f"{RESERVATIONS}?created_at_to={typed}&status__exact=confirmed")
    assert shown(response) == []
    assert "Invalid date. Use the format 2026-11-21." in messages(response)


def test_reservations_are_listed_newest_first(admin_client: Client, event: Event) -> None:
    made = [reserve(event) for _ in range(3)]
    assert [row.pk for row in shown(admin_client.get(RESERVATIONS))] == made[::-1]


def test_holds_can_be_filtered_and_show_their_expiry(admin_client: Client, event: Event) -> None:
    held = hold(event)
    reserve(event)
    response = admin_client.get(f"{RESERVATIONS}?status__exact=held")
    [row] = shown(response)
    assert row.pk == held
    for page in (response, admin_client.get(page_of(RESERVATIONS, held))):
        assert f"{row.expires_at:%-d %b %Y, %H:%M:%S} UTC" in page.content.decode()


def test_cancel_of_a_hold_returns_its_seats(admin_client: Client, event: Event) -> None:
    pk = hold(event, seats=4)
    question = cancel(admin_client, pk, confirmed=False).content.decode()
    assert "Cancel 1 reservation and return 4 seats?" in question
    assert messages(cancel(admin_client, pk)) == ["1 of 1 cancelled, 4 seats returned."]
    assert_inventory(event, available=10, version=2, reservations=0)
    assert event.held_seats == 0


def test_item_of_a_booking_links_to_it(admin_client: Client, event: Event) -> None:
    pk = book(event)
    item = Reservation.objects.get()
    for page in (RESERVATIONS, page_of(RESERVATIONS, item.pk)):
        assert f'href="{page_of(BOOKINGS, pk)}"' in admin_client.get(page).content.decode()


def part_of_booking(booking: UUID, *, total: int = 1) -> str:
    return (
        f"1 of {total} is part of a booking, which can only be cancelled as a whole: "
        f"{short_link(BOOKINGS, booking)}."
    )


def test_confirmation_leaves_out_items_of_bookings(admin_client: Client, event: Event) -> None:
    live = reserve(event, seats=3)
    booking = book(event)
    [item] = Booking.objects.get(pk=booking).items.all()
    response = cancel(admin_client, live, item.pk, confirmed=False)
    page = response.content.decode()
    assert "Cancel 1 of the 2 selected reservations and return 3 seats?" in page
    assert f'value="{item.pk}"' not in page
    assert part_of_booking(booking, total=2) in page
    response = cancel(admin_client, item.pk, confirmed=False)
    assert messages(response) == [part_of_booking(booking), "None of these can be cancelled."]


def test_item_of_a_booking_cannot_be_cancelled_alone(admin_client: Client, event: Event) -> None:
    booking = book(event)
    [item] = Booking.objects.get(pk=booking).items.all()
    response = cancel(admin_client, item.pk)
    assert messages(response) == [part_of_booking(booking)]
    assert part_of_booking(booking) in response.content.decode()
    assert_inventory(event, available=9, version=1, reservations=1)


def mixed_selection(client: Client) -> list[UUID]:
    """Return the ids of 50 reservations, of which only one can be cancelled."""
    event = EventFactory.create(total_seats=100)
    other = EventFactory.create(total_seats=100)
    live, *cancelled = [reserve(event, seats=2) for _ in range(9)]
    expired = hold(event)
    expire_hold(expired)
    submit(ReleaseHolds(event=event.slug))
    cancel(client, *cancelled)
    bookings = [book(event, other) for _ in range(19)]
    items = Reservation.objects.filter(booking__in=bookings).values_list("pk", flat=True)
    return [live, *cancelled, expired, *items, uuid4(), uuid4()]


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "unconfirmed"])
def test_counts_about_a_mixed_selection_add_up(admin_client: Client, confirmed: bool) -> None:
    response = cancel(admin_client, *mixed_selection(admin_client), confirmed=confirmed)
    found = messages(response)
    if confirmed:
        assert found.pop(0) == "1 of 50 cancelled, 2 seats returned."
    else:
        page = response.content.decode()
        assert "Cancel 1 of the 50 selected reservations and return 2 seats?" in page
    assert [text.partition(":")[0] for text in found] == [
        "8 of 50 were already cancelled",
        "1 of 50 has expired",
        "38 of 50 are parts of bookings, which can only be cancelled as a whole",
        "2 of 50 were not found",
    ]
    # Both items of a booking have the same link.
    assert [text.count("</a>") for text in found] == [8, 1, 10, 0]
    assert found[2].endswith("</a> and 9 more.")


def test_cancel_asks_for_confirmation_first(admin_client: Client, event: Event) -> None:
    pks = [reserve(event, seats=2), reserve(event, seats=3)]
    response = cancel(admin_client, *pks, confirmed=False)
    page = response.content.decode()
    assert "Cancel 2 reservations and return 5 seats?" in page
    assert all(f'value="{pk}"' in page for pk in pks)
    assert_inventory(event, available=5, version=2, reservations=2)


def test_confirmation_leaves_out_cancelled_reservations(admin_client: Client, event: Event) -> None:
    cancelled, live = reserve(event, seats=2), reserve(event, seats=3)
    cancel(admin_client, cancelled)
    page = cancel(admin_client, cancelled, live, confirmed=False).content.decode()
    assert "Cancel 1 of the 2 selected reservations and return 3 seats?" in page
    unknown = uuid4()
    response = cancel(admin_client, cancelled, unknown, confirmed=False)
    assert messages(response) == [
        f"1 of 2 was already cancelled: {short_link(RESERVATIONS, cancelled)}.",
        f"1 of 2 was not found: {unknown}.",
        "None of these can be cancelled.",
    ]


def test_cancel_returns_the_seats_and_is_logged(admin_client: Client, event: Event) -> None:
    pks = [reserve(event, seats=2), reserve(event, seats=3)]
    response = cancel(admin_client, *pks)
    assert messages(response) == ["2 of 2 cancelled, 5 seats returned."]
    assert_inventory(event, available=10, version=4, reservations=0)
    assert set(event.changes.filter(version__gt=2).values_list("kind", "actor")) == {
        ("cancelled", "admin:admin")
    }
    assert LogEntry.objects.filter(object_id__in=map(str, pks)).count() == 2


@pytest.mark.django_db(transaction=True)
def test_selected_rows_are_cancelled_in_one_transaction(admin_client: Client, event: Event) -> None:
    other = EventFactory.create()
    pks = [reserve(event), reserve(other), reserve(event)]
    # This fails if the admin opens a transaction: the ledger refuses to run inside one.
    cancel(admin_client, *pks)
    assert_inventory(event, available=10, version=4, reservations=0)
    assert_inventory(other, available=10, version=2, reservations=0)
    # The ledger reads the clock once per transaction.
    assert Change.objects.filter(kind="cancelled").values("at").distinct().count() == 1


def test_refused_cancels_are_reported(admin_client: Client, event: Event) -> None:
    cancelled, live, unknown = reserve(event, seats=2), reserve(event, seats=3), uuid4()
    cancel(admin_client, cancelled)
    # The filter of the list hides the row that was cancelled in the meantime.
    data = {
        "action": "cancel",
        "confirmed": "yes",
        "_selected_action": [str(cancelled), str(live), str(live).upper(), str(unknown)],
    }
    response = admin_client.post(f"{RESERVATIONS}?status__exact=confirmed", data, follow=True)
    assert messages(response) == [
        "1 of 3 cancelled, 3 seats returned.",
        f"1 of 3 was already cancelled: {short_link(RESERVATIONS, cancelled)}.",
        f"1 of 3 was not found: {unknown}.",
    ]
    assert_inventory(event, available=10, version=4, reservations=0)


def test_more_than_ten_ids_are_summarised(admin_client: Client, event: Event) -> None:
    ids = [uuid4() for _ in range(12)]
    assert messages(cancel(admin_client, *ids)) == [
        f"12 of 12 were not found: {', '.join(map(str, ids[:10]))} and 2 more."
    ]


@pytest.mark.django_db(transaction=True)
def test_locked_event_is_reported_as_busy(admin_client: Client, event: Event) -> None:
    pk = reserve(event)
    with locked(event), session_setting("lock_timeout", "100ms"):
        response = cancel(admin_client, pk)
    assert messages(response) == ["Server is too busy, please try again."]
    assert_inventory(event, available=9, version=1, reservations=1)


@pytest.mark.parametrize(
    "ids", [["nonsense"], ["\0"], [""], []], ids=["not-a-uuid", "nul", "empty", "none"]
)
@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "unconfirmed"])
@pytest.mark.parametrize("across", ["0", "1"], ids=["selected", "across"])
def test_invalid_selection_cancels_nothing(
    admin_client: Client, event: Event, ids: list[str], confirmed: bool, across: str
) -> None:
    reserve(event)
    response = cancel(admin_client, *ids, confirmed=confirmed, select_across=across)
    assert response.status_code == 200
    assert_inventory(event, available=9, version=1, reservations=1)


def test_cancel_needs_the_permission(login: Login, event: Event) -> None:
    pk = reserve(event)
    viewer = login("view_reservation")
    assert "Cancel and return the seats" not in viewer.get(RESERVATIONS).content.decode()
    for confirmed in (True, False):
        assert cancel(viewer, pk, confirmed=confirmed).status_code == 403
    assert_inventory(event, available=9, version=1, reservations=1)


def test_event_filter_needs_the_permission_to_view_events(login: Login, event: Event) -> None:
    clerk = login("view_reservation")
    filters = [each.title for each in clerk.get(RESERVATIONS).context["cl"].filter_specs]
    assert filters == ["status", "created at"]


def test_cancel_permission_is_sufficient(login: Login, event: Event) -> None:
    pk = reserve(event)
    clerk = login("view_reservation", "cancel_reservation")
    assert "Cancel and return the seats" in clerk.get(RESERVATIONS).content.decode()
    cancel(clerk, pk)
    assert_inventory(event, available=10, version=2, reservations=0)
