"""Events: opened here, edited through the ledger."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from reservations.models import Event
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import EVENTS, event_form, page_of, shown
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import locked, setting
from reservations.tests.factories import EventFactory, hold, reserve


class Inputs(HTMLParser):
    """The named inputs of a page, with what is in them."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("name"):
            self.values[str(found["name"])] = found.get("value") or ""


def as_shown(browser: Client, event: Event) -> dict[str, Any]:
    """Return what the event's form sends if nobody touches it."""
    inputs = Inputs()
    inputs.feed(browser.get(page_of(EVENTS, event.pk)).content.decode())
    return inputs.values


def history(event: Event) -> list[tuple[int, str, int, str]]:
    return list(event.changes.order_by("version").values_list("version", "kind", "seats", "actor"))


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def test_the_list_shows_how_the_seats_stand(boss: Client, sold: Event) -> None:
    page = boss.get(EVENTS).content.decode()
    assert "3 sold, 7 available" in page
    assert 'viewBox="0 0 10 1"' in page
    assert '<rect class="sold" width="3"' in page


def test_held_seats_are_shown_when_there_are_any(boss: Client, sold: Event) -> None:
    hold(sold, seats=2)
    for page in (EVENTS, page_of(EVENTS, sold.pk)):
        content = boss.get(page).content.decode()
        assert "3 sold, 2 held, 5 available" in content
        assert '<rect class="held" x="3" width="2"' in content
    fields = boss.get(page_of(EVENTS, sold.pk)).context["adminform"].readonly_fields
    assert "held_seats" in fields


def test_search(boss: Client, sold: Event) -> None:
    other = EventFactory.create(slug="jazz-night", name="Jazz")
    assert shown(boss.get(f"{EVENTS}?q=jazz-n")) == [other]
    assert shown(boss.get(f"{EVENTS}?q=Meet-up")) == [sold]


def test_a_new_event_has_all_its_seats_available(boss: Client) -> None:
    values = event_form(
        slug="jazz", name="Jazz", venue="Cellar", starts_at_0="2027-01-31", starts_at_1="20:00"
    )
    assert boss.post(f"{EVENTS}add/", values).status_code == 302
    event = Event.objects.get(slug="jazz")
    assert (event.name, event.venue) == ("Jazz", "Cellar")
    assert event.starts_at == datetime(2027, 1, 31, 20, tzinfo=UTC)
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", ""),
        ("slug", "two words"),
        ("slug", "x" * 101),
        ("slug", "taken"),
        ("name", ""),
        ("name", "x" * 201),
        ("name", "nul\0"),
        ("total_seats", "-1"),
        ("total_seats", "2147483648"),
        ("total_seats", "1e3"),
        ("starts_at_0", "tomorrow"),
    ],
)
def test_a_wrong_value_is_shown_at_its_field(boss: Client, field: str, value: str) -> None:
    EventFactory.create(slug="taken")
    before = Event.objects.count()
    answer = boss.post(f"{EVENTS}add/", event_form(**{field: value}))
    assert field.removesuffix("_0") in errors(answer)
    assert Event.objects.count() == before


def test_the_same_new_event_twice_at_once(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    EventFactory.create(slug="new")
    # As if the other had not been there yet when the form was checked.
    monkeypatch.setattr(Event, "validate_constraints", lambda *args, **kwargs: None)
    answer = boss.post(f"{EVENTS}add/", event_form(name="Typed"))
    assert errors(answer) == {"slug": ["There is an event with this slug already."]}
    assert 'value="Typed"' in answer.content.decode()


def test_every_edit_is_a_change(boss: Client, sold: Event) -> None:
    values = as_shown(boss, sold) | {
        "name": "Renamed",
        "venue": "Hall 2",
        "starts_at_0": "2027-01-31",
        "starts_at_1": "20:00",
        "total_seats": "20",
    }
    assert boss.post(page_of(EVENTS, sold.pk), values).status_code == 302
    sold.refresh_from_db()
    assert (sold.name, sold.venue) == ("Renamed", "Hall 2")
    assert sold.starts_at == datetime(2027, 1, 31, 20, tzinfo=UTC)
    assert history(sold)[1:] == [
        (2, "edited", 0, "admin:boss"),
        (3, "capacity", 10, "admin:boss"),
    ]
    assert_inventory(sold, available=17, version=3, reservations=1)
    logged = LogEntry.objects.get()
    assert str(sold.pk) == logged.object_id
    for name in ("Name", "Venue", "Total seats"):
        assert name in logged.get_change_message()


def test_saving_an_unchanged_form_makes_no_change(boss: Client, sold: Event) -> None:
    exact = datetime(2027, 1, 31, 20, 0, 5, 250, tzinfo=UTC)
    Event.objects.filter(pk=sold.pk).update(starts_at=exact)
    assert boss.post(page_of(EVENTS, sold.pk), as_shown(boss, sold)).status_code == 302
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_an_older_form_reverts_no_other_field(boss: Client, sold: Event) -> None:
    mine, yours = as_shown(boss, sold), as_shown(boss, sold)
    boss.post(page_of(EVENTS, sold.pk), mine | {"total_seats": "20"})
    boss.post(page_of(EVENTS, sold.pk), yours | {"name": "Renamed"})
    sold.refresh_from_db()
    assert (sold.name, sold.total_seats) == ("Renamed", 20)


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("total_seats", "20", "15"),
        ("name", "Renamed", "Another"),
        ("venue", "Hall", "Cellar"),
        ("starts_at_0", "2027-01-31", "2027-02-01"),
    ],
)
def test_a_newer_value_is_not_overwritten(
    boss: Client, sold: Event, field: str, first: str, second: str
) -> None:
    time = {"starts_at_1": "20:00:00"} if field == "starts_at_0" else {}
    mine, yours = as_shown(boss, sold), as_shown(boss, sold)
    assert boss.post(page_of(EVENTS, sold.pk), mine | time | {field: first}).status_code == 302
    answer = boss.post(page_of(EVENTS, sold.pk), yours | time | {field: second})
    assert errors(answer) == {
        field.removesuffix("_0"): ["Somebody has changed this meanwhile: load the page again."]
    }
    assert len(history(sold)) == 2


def test_fewer_seats_than_are_sold_are_refused(boss: Client, sold: Event) -> None:
    values = as_shown(boss, sold) | {"total_seats": "2", "name": "Renamed"}
    answer = boss.post(page_of(EVENTS, sold.pk), values)
    assert errors(answer) == {
        "total_seats": ["The capacity cannot be less than the seats already sold or held: 3."]
    }
    assert 'value="Renamed"' in answer.content.decode()
    sold.refresh_from_db()
    assert sold.name == "Node.js Meet-up"
    assert_inventory(sold, available=7, version=1, reservations=1)


@pytest.mark.django_db(transaction=True)
def test_a_locked_event_is_reported(boss: Client, sold: Event) -> None:
    with locked(sold), setting("lock_timeout", "100ms"):
        answer = boss.post(page_of(EVENTS, sold.pk), as_shown(boss, sold) | {"name": "Renamed"})
    assert errors(answer) == {"__all__": ["Server is too busy, please try again."]}
    assert 'value="Renamed"' in answer.content.decode()
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_the_slug_and_the_figures_stay(boss: Client, sold: Event) -> None:
    forged = {
        "slug": "other",
        "available_seats": "99",
        "held_seats": "1",
        "version": "0",
        "reservation_count": "9",
    }
    boss.post(page_of(EVENTS, sold.pk), as_shown(boss, sold) | forged)
    sold.refresh_from_db()
    assert sold.slug == "node-meetup-2025"
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_the_page_shows_the_latest_changes(boss: Client, event: Event) -> None:
    for number in range(21):
        EventFactory.create(slug=f"other-{number}")
    event.total_seats = event.available_seats = 100
    event.save()
    for number in range(21):
        reserve(event, partner=f"p{number}")
    answer = boss.get(page_of(EVENTS, event.pk))
    versions = [row[0] for row in answer.context["changes"]["rows"]]
    assert versions == list(range(21, 1, -1))
    assert f"/admin/reservations/change/?event__id__exact={event.pk}" in answer.content.decode()


def test_a_viewer_cannot_edit(login: Login, sold: Event) -> None:
    viewer = login("view_event")
    page = viewer.get(page_of(EVENTS, sold.pk))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert "Latest changes" not in page.content.decode()
    assert (
        viewer.post(page_of(EVENTS, sold.pk), as_shown(viewer, sold) | {"name": "x"}).status_code
        == 403
    )
    assert viewer.post(f"{EVENTS}add/", event_form()).status_code == 403
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_an_editor_cannot_add(login: Login, sold: Event) -> None:
    editor = login("view_event", "change_event")
    assert (
        editor.post(
            page_of(EVENTS, sold.pk), as_shown(editor, sold) | {"name": "Renamed"}
        ).status_code
        == 302
    )
    assert history(sold)[-1] == (2, "edited", 0, "admin:clerk")
    assert editor.post(f"{EVENTS}add/", event_form()).status_code == 403
