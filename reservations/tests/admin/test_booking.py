"""Bookings: found in many ways, cancelled whole."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from reservations.errors import OutcomeUnknown
from reservations.models import Booking, Event
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    EVENTS,
    RESERVATIONS,
    cancel,
    messages,
    page_of,
    shown,
    statements,
)
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, setting
from reservations.tests.factories import EventFactory, book, reserve


@pytest.fixture
def other(event: Event) -> Event:
    """Another event."""
    return EventFactory.create(slug="jazz", name="Jazz <Night>")


def test_the_list_adds_up_events_and_seats(boss: Client, event: Event, other: Event) -> None:
    book((event, 3), (other, 3))
    page = boss.get(BOOKINGS).content.decode()
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
        (str(uuid4()), 0),
    ],
)
def test_search_by_address(boss: Client, event: Event, query: str, found: int) -> None:
    book(event, email="Ada@Example.com")
    book(event, email="grace@example.com")
    assert len(shown(boss.get(f"{BOOKINGS}?q={query}"))) == found


def test_search_by_id(boss: Client, event: Event) -> None:
    book(event)
    pk = book(event)
    for text in (str(pk), pk.hex, f" {pk} ", str(pk).upper()):
        assert [row.pk for row in shown(boss.get(BOOKINGS, {"q": text}))] == [pk]


def test_filters(boss: Client, event: Event, other: Event) -> None:
    here, gone, both = book(event), book(event), book(event, other)
    cancel(boss, gone, page=BOOKINGS)

    def found(query: str) -> list[object]:
        return [row.pk for row in shown(boss.get(f"{BOOKINGS}?{query}"))]

    assert found("status__exact=cancelled") == [gone]
    assert found(f"event={event.pk}") == [both, gone, here]
    assert found(f"event={other.pk}") == [both]
    assert found(f"event={event.pk}&status__exact=confirmed") == [both, here]


def test_the_days_of_a_range_are_included(boss: Client, event: Event) -> None:
    made = {day: book(event) for day in (9, 10, 11, 12)}
    for day, pk in made.items():
        late = datetime(2026, 5, day, 23, 59, 59, tzinfo=UTC)
        Booking.objects.filter(pk=pk).update(created_at=late)
    answer = boss.get(f"{BOOKINGS}?created_at_from=2026-05-10&created_at_to=2026-05-11")
    assert [row.pk for row in shown(answer)] == [made[11], made[10]]


def test_newest_first(boss: Client, event: Event) -> None:
    made = [book(event) for _ in range(3)]
    # Hosts' clocks differ, and ids are made by them.
    Booking.objects.filter(pk=made[0]).update(created_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert [row.pk for row in shown(boss.get(BOOKINGS))] == [made[0], made[2], made[1]]


def test_items_are_shown_in_the_order_of_the_request(
    boss: Client, event: Event, other: Event
) -> None:
    pk = book((other, 2), (event, 2))
    answer = boss.get(page_of(BOOKINGS, pk))
    page = answer.content.decode()
    for each in (event, other):
        assert f'href="{page_of(EVENTS, each.pk)}"' in page
    items = list(Booking.objects.get(pk=pk).items.order_by("id"))
    assert [item.event for item in items] == [other, event]
    places = [page.index(f'href="{page_of(RESERVATIONS, item.pk)}"') for item in items]
    assert places == sorted(places)
    assert "Jazz &lt;Night&gt;" in page
    assert "<Night>" not in page


def test_queries_do_not_grow_with_the_items(boss: Client, event: Event, other: Event) -> None:
    one = page_of(BOOKINGS, book(event))
    statements(boss, BOOKINGS)  # fills the cache of content types
    few = [len(statements(boss, path)) for path in (BOOKINGS, one)]
    three = page_of(BOOKINGS, book(event, other, EventFactory.create()))
    assert [len(statements(boss, path)) for path in (BOOKINGS, three)] == few


def test_a_cancel_asks_first(boss: Client, event: Event, other: Event) -> None:
    gone = book(event)
    cancel(boss, gone, page=BOOKINGS)
    pks = [book((event, 2), (other, 2)), book(event)]
    page = cancel(boss, gone, *pks, page=BOOKINGS, confirmed=False).content.decode()
    assert "Cancel 2 bookings and return 5 seats?" in page
    assert [f'value="{pk}"' in page for pk in (gone, *pks)] == [False, True, True]
    assert Booking.objects.filter(status="confirmed").count() == 2
    answer = cancel(boss, gone, uuid4(), page=BOOKINGS, confirmed=False)
    assert messages(answer) == ["None of these can be cancelled."]


def test_a_cancel_returns_the_seats_of_all_items_once(
    boss: Client, event: Event, other: Event
) -> None:
    pks = [book((event, 2), (other, 2)), book(event)]
    answer = cancel(boss, *pks, page=BOOKINGS)
    assert messages(answer) == ["2 of 2 cancelled, 5 seats returned."]
    for _ in range(2):
        assert_inventory(event, available=10, version=4, reservations=0)
        assert_inventory(other, available=10, version=2, reservations=0)
        assert other.changes.get(version=2).actor == "admin:boss"
        assert LogEntry.objects.count() == 2
        assert LogEntry.objects.filter(object_id__in=map(str, pks)).count() == 2
        answer = cancel(boss, *pks, page=BOOKINGS)
        assert messages(answer) == [f"{pk}: Booking is already cancelled." for pk in pks]


def test_refusals_are_reported(boss: Client, event: Event) -> None:
    gone, live, nowhere = book(event), book(event), uuid4()
    cancel(boss, gone, page=BOOKINGS)
    answer = cancel(boss, gone, live, str(live).upper(), nowhere, page=BOOKINGS)
    assert messages(answer) == [
        "1 of 3 cancelled, 1 seat returned.",
        f"{gone}: Booking is already cancelled.",
        f"{nowhere}: Booking not found.",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_locked_event_is_reported(boss: Client, event: Event) -> None:
    pk = book(event)
    with locked(event), setting("lock_timeout", "100ms"):
        answer = cancel(boss, pk, page=BOOKINGS)
    assert messages(answer) == ["Server is too busy, please try again."]
    assert_inventory(event, available=9, version=1, reservations=1)


def test_an_unknown_outcome_is_reported(
    boss: Client, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(commands: object) -> None:
        raise OutcomeUnknown

    monkeypatch.setattr("reservations.admin.cancelling.submit_batch", lose)
    answer = cancel(boss, book(event), page=BOOKINGS)
    assert messages(answer) == [f"{OutcomeUnknown()}."]
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("ids", [["nonsense"], ["\0"], []])
def test_a_wrong_selection_changes_nothing(boss: Client, event: Event, ids: list[str]) -> None:
    book(event)
    assert cancel(boss, *ids, page=BOOKINGS).status_code == 200
    assert_inventory(event, available=9, version=1, reservations=1)


def test_a_viewer_sees_no_action_and_cannot_post_one(login: Login, event: Event) -> None:
    pk = book(event)
    viewer = login("view_booking", "cancel_reservation")
    assert "Cancel and return the seats" not in viewer.get(BOOKINGS).content.decode()
    for confirmed in (True, False):
        answer = cancel(viewer, pk, page=BOOKINGS, confirmed=confirmed)
        assert "return" not in " ".join(messages(answer))
    assert_inventory(event, available=9, version=1, reservations=1)


def test_a_clerk_may_cancel(login: Login, event: Event) -> None:
    pk = book(event)
    clerk = login("view_booking", "cancel_booking")
    assert "Cancel and return the seats" in clerk.get(BOOKINGS).content.decode()
    cancel(clerk, pk, page=BOOKINGS)
    assert_inventory(event, available=10, version=2, reservations=0)


def test_no_event_filter_without_the_permission(login: Login, event: Event) -> None:
    clerk = login("view_booking")
    filters = [each.title for each in clerk.get(BOOKINGS).context["cl"].filter_specs]
    assert filters == ["status", "created at"]
    assert clerk.get(f"{BOOKINGS}?event={event.pk}", follow=True).status_code == 200


def test_the_event_filter_completes_names(boss: Client, event: Event, other: Event) -> None:
    page = boss.get(BOOKINGS).content.decode()
    assert 'data-model-name="reservation"' in page
    assert 'data-field-name="event"' in page
    chosen = boss.get(f"{BOOKINGS}?event={other.pk}").content.decode()
    assert f'<option value="{other.pk}" selected>Jazz &lt;Night&gt;</option>' in chosen


def test_the_button_of_a_booking_asks_the_same_question(boss: Client, event: Event) -> None:
    pk = book((event, 2))
    page = boss.get(page_of(BOOKINGS, pk)).content.decode()
    assert f'<form method="post" action="{BOOKINGS}"' in page
    assert f'name="_selected_action" value="{pk}"' in page
    question = cancel(boss, pk, page=BOOKINGS, confirmed=False).content.decode()
    assert "Cancel 1 booking and return 2 seats?" in question
    cancel(boss, pk, page=BOOKINGS)
    assert f'action="{BOOKINGS}"' not in boss.get(page_of(BOOKINGS, pk)).content.decode()


def test_no_button_for_an_item_or_for_a_viewer(boss: Client, login: Login, event: Event) -> None:
    pk, alone = book(event), reserve(event)
    [item] = Booking.objects.get(pk=pk).items.all()
    button = f'action="{RESERVATIONS}"'
    assert button in boss.get(page_of(RESERVATIONS, alone)).content.decode()
    assert button not in boss.get(page_of(RESERVATIONS, item.pk)).content.decode()
    client = login("view_reservation", "view_booking")
    assert button not in client.get(page_of(RESERVATIONS, alone)).content.decode()
    assert f'action="{BOOKINGS}"' not in client.get(page_of(BOOKINGS, pk)).content.decode()


def test_the_log_of_one_booking_has_one_page(boss: Client, event: Event) -> None:
    pk = book(event)
    cancel(boss, pk, page=BOOKINGS)
    answer = boss.get(f"{BOOKINGS}{pk}/history/")
    assert list(answer.context["page_range"]) == [1]
    assert "Cancelled." in answer.content.decode()
