"""The admin pages of bookings: list, search, filters and cancelling."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from reservations.errors import OutcomeUnknown
from reservations.ledger import submit
from reservations.models import Booking, BookingMail, Event
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    EVENTS,
    RESERVATIONS,
    cancel,
    messages,
    page_of,
    rows_read,
    short_link,
    shown,
    statements,
)
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, session_setting
from reservations.tests.factories import (
    EventFactory,
    PartnerFactory,
    book,
    booking_of,
    caller_of,
    reserve,
)


@pytest.fixture
def other(event: Event) -> Event:
    """A second event, whose name must be escaped in HTML."""
    return EventFactory.create(slug="jazz", name="Jazz <Night>")


def test_list_shows_the_number_of_events_and_seats(
    admin_client: Client, event: Event, other: Event
) -> None:
    book((event, 3), (other, 3))
    page = admin_client.get(BOOKINGS).content.decode()
    assert 'data-label="Events">2<' in page
    assert 'data-label="Seats">6<' in page
    assert "ada@example.com" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ada@example.com", 1),
        (" Ada@EXAMPLE.com ", 1),
        ("ada@example", 0),
        ("%25", 0),
        ("", 2),
        ("01a1fe49-bd0f-71b7-80a6-fc318d83eb81", 0),
    ],
)
def test_search_finds_complete_addresses_in_any_case(
    admin_client: Client, event: Event, query: str, found: int
) -> None:
    book(event, email="Ada@Example.com")
    book(event, email="grace@example.com")
    assert len(shown(admin_client.get(f"{BOOKINGS}?q={query}"))) == found


def test_search_finds_any_notation_of_an_address(admin_client: Client, event: Event) -> None:
    notations = ("ada@B\u00dcCHER.example", "ada@b\u00fccher.example", "ADA@xn--bcher-kva.example")
    for email in notations:
        book(event, email=email)
    for query in notations:
        assert len(shown(admin_client.get(BOOKINGS, {"q": query}))) == 3


def test_search_finds_addresses_that_are_no_longer_valid(
    admin_client: Client, event: Event
) -> None:
    book(event, email="\u017fam@shop.example")
    book(event, email="sam@shop.example")
    for query in ("\u017fAM@shop.example", "sam@shop.example"):
        assert len(shown(admin_client.get(BOOKINGS, {"q": query}))) == 1


def test_page_of_a_booking_says_why_a_mail_was_not_sent(admin_client: Client, event: Event) -> None:
    pk = book(event)
    assert "Confirmation:" not in admin_client.get(page_of(BOOKINGS, pk)).content.decode()
    for kind, failure in (("booked", "too <many>"), ("cancelled", "")):
        BookingMail.objects.create(
            booking_id=pk, kind=kind, failure=failure, at=datetime(2026, 5, 9, 12, 30, tzinfo=UTC)
        )
    page = admin_client.get(page_of(BOOKINGS, pk)).content.decode()
    assert "Confirmation: too &lt;many&gt; (9 May 2026, 12:30:00 UTC)" in page
    assert "Cancellation:" not in page


def test_search_finds_ids_in_any_notation(admin_client: Client, event: Event) -> None:
    book(event)
    pk = book(event)
    for text in (str(pk), pk.hex, f" {pk} ", str(pk).upper()):
        assert [row.pk for row in shown(admin_client.get(BOOKINGS, {"q": text}))] == [pk]


def test_filters_select_by_status_and_event(
    admin_client: Client, event: Event, other: Event
) -> None:
    here, cancelled, both = book(event), book(event), book(event, other)
    cancel(admin_client, cancelled, page=BOOKINGS)

    def found(query: str) -> list[object]:
        return [row.pk for row in shown(admin_client.get(f"{BOOKINGS}?{query}"))]

    assert found("status__exact=cancelled") == [cancelled]
    assert found(f"event={event.pk}") == [both, cancelled, here]
    assert found(f"event={other.pk}") == [both]
    assert found(f"event={event.pk}&status__exact=confirmed") == [both, here]


def test_date_range_includes_its_first_and_last_day(admin_client: Client, event: Event) -> None:
    made = {day: book(event) for day in (9, 10, 11, 12)}
    for day, pk in made.items():
        late = datetime(2026, 5, day, 23, 59, 59, tzinfo=UTC)
        Booking.objects.filter(pk=pk).update(created_at=late)
    response = admin_client.get(f"{BOOKINGS}?created_at_from=2026-05-10&created_at_to=2026-05-11")
    assert [row.pk for row in shown(response)] == [made[11], made[10]]


def test_bookings_are_listed_newest_first(admin_client: Client, event: Event) -> None:
    made = [book(event) for _ in range(3)]
    # As if its id had been generated on a host whose clock is behind.
    Booking.objects.filter(pk=made[0]).update(created_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert [row.pk for row in shown(admin_client.get(BOOKINGS))] == [made[0], made[2], made[1]]


def test_items_are_shown_in_request_order_and_escaped(
    admin_client: Client, event: Event, other: Event
) -> None:
    pk = book((other, 2), (event, 2))
    response = admin_client.get(page_of(BOOKINGS, pk))
    page = response.content.decode()
    for each in (event, other):
        assert f'href="{page_of(EVENTS, each.pk)}"' in page
    items = list(Booking.objects.get(pk=pk).items.order_by("id"))
    assert [item.event for item in items] == [other, event]
    positions = [page.index(f'href="{page_of(RESERVATIONS, item.pk)}"') for item in items]
    assert positions == sorted(positions)
    assert "Jazz &lt;Night&gt;" in page
    assert "<Night>" not in page


def test_number_of_queries_does_not_grow_with_the_items(
    admin_client: Client, event: Event, other: Event
) -> None:
    one = page_of(BOOKINGS, book(event))
    for path in (BOOKINGS, one):
        statements(admin_client, path)  # fills the cache of content types
    before = [len(statements(admin_client, path)) for path in (BOOKINGS, one)]
    three = page_of(BOOKINGS, book(event, other, EventFactory.create()))
    assert [len(statements(admin_client, path)) for path in (BOOKINGS, three)] == before


def test_cancel_asks_for_confirmation_first(
    admin_client: Client, event: Event, other: Event
) -> None:
    cancelled = book(event)
    cancel(admin_client, cancelled, page=BOOKINGS)
    pks = [book((event, 2), (other, 2)), book(event)]
    page = cancel(admin_client, cancelled, *pks, page=BOOKINGS, confirmed=False).content.decode()
    assert "Cancel 2 of the 3 selected bookings and return 5 seats?" in page
    assert [f'value="{pk}"' in page for pk in (cancelled, *pks)] == [False, True, True]
    assert Booking.objects.filter(status="confirmed").count() == 2
    response = cancel(admin_client, cancelled, page=BOOKINGS, confirmed=False)
    assert messages(response) == [
        f"1 of 1 was already cancelled: {short_link(BOOKINGS, cancelled)}.",
        "None of these can be cancelled.",
    ]


def test_cancel_returns_the_seats_of_all_items_once(
    admin_client: Client, event: Event, other: Event
) -> None:
    pks = [book((event, 2), (other, 2)), book(event)]
    response = cancel(admin_client, *pks, page=BOOKINGS)
    assert messages(response) == ["2 of 2 cancelled, 5 seats returned."]
    for _ in range(2):
        assert_inventory(event, available=10, version=4, reservations=0)
        assert_inventory(other, available=10, version=2, reservations=0)
        assert other.changes.get(version=2).actor == "admin:admin"
        assert LogEntry.objects.count() == 2
        assert LogEntry.objects.filter(object_id__in=map(str, pks)).count() == 2
        response = cancel(admin_client, *pks, page=BOOKINGS)
        links = ", ".join(short_link(BOOKINGS, pk) for pk in pks)
        assert messages(response) == [f"2 of 2 were already cancelled: {links}."]


def test_refused_cancels_are_reported(admin_client: Client, event: Event) -> None:
    cancelled, live, unknown = book(event), book(event), uuid4()
    cancel(admin_client, cancelled, page=BOOKINGS)
    response = cancel(admin_client, cancelled, live, str(live).upper(), unknown, page=BOOKINGS)
    assert messages(response) == [
        "1 of 3 cancelled, 1 seat returned.",
        f"1 of 3 was already cancelled: {short_link(BOOKINGS, cancelled)}.",
        f"1 of 3 was not found: {unknown}.",
    ]


@pytest.mark.django_db(transaction=True)
def test_locked_event_is_reported_as_busy(admin_client: Client, event: Event) -> None:
    pk = book(event)
    with locked(event), session_setting("lock_timeout", "100ms"):
        response = cancel(admin_client, pk, page=BOOKINGS)
    assert messages(response) == ["Server is too busy, please try again."]
    assert_inventory(event, available=9, version=1, reservations=1)


def test_unknown_outcome_of_a_cancel_is_reported(
    admin_client: Client, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_connection(commands: object) -> None:
        raise OutcomeUnknown

    monkeypatch.setattr("reservations.admin.cancelling.submit_batch", lose_connection)
    response = cancel(admin_client, book(event), page=BOOKINGS)
    assert messages(response) == [f"{OutcomeUnknown()}."]
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("ids", [["nonsense"], ["\0"], []], ids=["not-a-uuid", "nul", "none"])
def test_invalid_selection_cancels_nothing(
    admin_client: Client, event: Event, ids: list[str]
) -> None:
    book(event)
    assert cancel(admin_client, *ids, page=BOOKINGS).status_code == 200
    assert_inventory(event, available=9, version=1, reservations=1)


def test_cancel_needs_the_permission_for_bookings(login: Login, event: Event) -> None:
    pk = book(event)
    viewer = login("view_booking", "cancel_reservation")
    assert "Cancel and return the seats" not in viewer.get(BOOKINGS).content.decode()
    for confirmed in (True, False):
        assert cancel(viewer, pk, page=BOOKINGS, confirmed=confirmed).status_code == 403
    assert_inventory(event, available=9, version=1, reservations=1)


def test_cancel_permission_is_sufficient(login: Login, event: Event) -> None:
    pk = book(event)
    clerk = login("view_booking", "cancel_booking")
    assert "Cancel and return the seats" in clerk.get(BOOKINGS).content.decode()
    cancel(clerk, pk, page=BOOKINGS)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_bookings_show_and_are_filtered_by_their_partner(
    admin_client: Client, event: Event
) -> None:
    book(event)
    caller = caller_of(PartnerFactory.create(slug="abc-corp"))
    own = submit(booking_of(event, caller=caller)).id
    assert [row.pk for row in shown(admin_client.get(f"{BOOKINGS}?partner=abc-corp"))] == [own]
    assert shown(admin_client.get(f"{BOOKINGS}?partner=abc")) == []
    for page in (BOOKINGS, page_of(BOOKINGS, own)):
        assert "abc-corp" in admin_client.get(page).content.decode()
    for query in ("partner=%00", f"partner=abc-corp&event={event.pk}&status__exact=confirmed"):
        assert admin_client.get(f"{BOOKINGS}?{query}").status_code == 200


@pytest.mark.usefixtures("planned_for_large_tables")
def test_partner_filter_reads_only_bookings_of_the_partner(
    admin_client: Client, event: Event
) -> None:
    caller = caller_of(PartnerFactory.create(slug="abc-corp"))
    submit(booking_of(event, caller=caller))
    for number in range(300):
        Booking.objects.create(status="confirmed", created_at=timezone.now(), partner=f"{number}")
    read = rows_read(admin_client, f"{BOOKINGS}?partner=abc-corp")
    assert read["reservations_booking"] == 1


def test_event_filter_needs_the_permission_to_view_events(login: Login, event: Event) -> None:
    clerk = login("view_booking")
    filters = [each.title for each in clerk.get(BOOKINGS).context["cl"].filter_specs]
    assert filters == ["status", "partner", "created at"]
    assert clerk.get(f"{BOOKINGS}?event={event.pk}", follow=True).status_code == 200


def test_event_filter_completes_and_escapes_names(
    admin_client: Client, event: Event, other: Event
) -> None:
    page = admin_client.get(BOOKINGS).content.decode()
    assert 'data-model-name="reservation"' in page
    assert 'data-field-name="event"' in page
    chosen = admin_client.get(f"{BOOKINGS}?event={other.pk}").content.decode()
    assert f'<option value="{other.pk}" selected>Jazz &lt;Night&gt;</option>' in chosen


def test_cancel_button_of_a_booking_asks_for_confirmation(
    admin_client: Client, event: Event
) -> None:
    pk = book((event, 2))
    page = admin_client.get(page_of(BOOKINGS, pk)).content.decode()
    assert f'<form method="post" action="{BOOKINGS}"' in page
    assert f'name="_selected_action" value="{pk}"' in page
    question = cancel(admin_client, pk, page=BOOKINGS, confirmed=False).content.decode()
    assert "Cancel 1 booking and return 2 seats?" in question
    cancel(admin_client, pk, page=BOOKINGS)
    assert f'action="{BOOKINGS}"' not in admin_client.get(page_of(BOOKINGS, pk)).content.decode()


def test_items_and_viewers_have_no_cancel_button(
    admin_client: Client, login: Login, event: Event
) -> None:
    pk, unbooked = book(event), reserve(event)
    [item] = Booking.objects.get(pk=pk).items.all()
    button = f'action="{RESERVATIONS}"'
    assert button in admin_client.get(page_of(RESERVATIONS, unbooked)).content.decode()
    assert button not in admin_client.get(page_of(RESERVATIONS, item.pk)).content.decode()
    client = login("view_reservation", "view_booking")
    assert button not in client.get(page_of(RESERVATIONS, unbooked)).content.decode()
    assert f'action="{BOOKINGS}"' not in client.get(page_of(BOOKINGS, pk)).content.decode()
