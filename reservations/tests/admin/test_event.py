"""The admin pages of events: list, new events, and edits through the ledger."""

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
from reservations.tests.database import locked, session_setting
from reservations.tests.factories import EventFactory, hold, reserve


class InputParser(HTMLParser):
    """Collects the named inputs of a page and their values."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("name"):
            value = found.get("value") or ""
            if found.get("type") == "checkbox":
                if "checked" not in found:
                    return  # A browser does not send it.
                value = "on"
            self.values[str(found["name"])] = value


def as_shown(browser: Client, event: Event) -> dict[str, Any]:
    """Return the data that the unchanged form of an event sends."""
    return inputs_of(browser.get(page_of(EVENTS, event.pk)))


def inputs_of(response: Any) -> dict[str, Any]:
    inputs = InputParser()
    inputs.feed(response.content.decode())
    return inputs.values


def history(event: Event) -> list[tuple[int, str, int, str]]:
    return list(event.changes.order_by("version").values_list("version", "kind", "seats", "actor"))


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def test_list_shows_seats_as_text_and_bar(admin_client: Client, sold: Event) -> None:
    page = admin_client.get(EVENTS).content.decode()
    assert "3 sold, 7 available" in page
    assert 'viewBox="0 0 10 1"' in page
    assert '<rect class="sold" width="3"' in page


def test_held_seats_are_shown_if_there_are_any(admin_client: Client, sold: Event) -> None:
    hold(sold, seats=2)
    for page in (EVENTS, page_of(EVENTS, sold.pk)):
        content = admin_client.get(page).content.decode()
        assert "3 sold, 2 held, 5 available" in content
        assert '<rect class="held" x="3" width="2"' in content
    fields = admin_client.get(page_of(EVENTS, sold.pk)).context["adminform"].readonly_fields
    assert "held_seats" in fields


def test_search_finds_slugs_and_names(admin_client: Client, sold: Event) -> None:
    other = EventFactory.create(slug="jazz-night", name="Jazz")
    assert shown(admin_client.get(f"{EVENTS}?q=jazz-n")) == [other]
    assert shown(admin_client.get(f"{EVENTS}?q=Meet-up")) == [sold]


def test_search_finds_names_in_any_normalisation(admin_client: Client, sold: Event) -> None:
    other = EventFactory.create(name="Caf\u00e9")
    assert shown(admin_client.get(EVENTS, {"q": "Cafe\u0301"})) == [other]


def test_new_event_has_all_seats_available(admin_client: Client) -> None:
    values = event_form(
        slug="jazz", name="Jazz", venue="Cellar", starts_at_0="2027-01-31", starts_at_1="20:00"
    )
    assert admin_client.post(f"{EVENTS}add/", values).status_code == 302
    event = Event.objects.get(slug="jazz")
    assert (event.name, event.venue) == ("Jazz", "Cellar")
    assert event.starts_at == datetime(2027, 1, 31, 20, tzinfo=UTC)
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", ""),
        ("slug", "two words"),
        pytest.param("slug", "x" * 101, id="slug-101-characters"),
        ("slug", "taken"),
        ("name", ""),
        pytest.param("name", "x" * 201, id="name-201-characters"),
        ("name", "nul\0"),
        ("name", "right\u202eleft"),
        ("name", "zero\u200bwidth"),
        ("name", "two\u2028lines"),
        ("name", "\u0301"),
        ("venue", "Hall\u200e"),
        ("venue", "two\nlines"),
        ("total_seats", "-1"),
        ("total_seats", "2147483648"),
        ("total_seats", "1e3"),
        ("starts_at_0", "tomorrow"),
    ],
)
def test_invalid_value_is_reported_at_its_field(
    admin_client: Client, field: str, value: str
) -> None:
    EventFactory.create(slug="taken")
    before = Event.objects.count()
    response = admin_client.post(f"{EVENTS}add/", event_form(**{field: value}))
    assert field.removesuffix("_0") in errors(response)
    assert Event.objects.count() == before


def test_names_are_stored_in_nfc(admin_client: Client, event: Event) -> None:
    values = event_form(slug="new", name="Cafe\u0301", venue=" Bu\u0308hne ")
    assert admin_client.post(f"{EVENTS}add/", values).status_code == 302
    new = Event.objects.get(slug="new")
    assert (new.name, new.venue) == ("Caf\u00e9", "B\u00fchne")
    edited = as_shown(admin_client, new) | {"name": "Zoe\u0308"}
    assert admin_client.post(page_of(EVENTS, new.pk), edited).status_code == 302
    new.refresh_from_db()
    assert (new.name, new.venue, new.version) == ("Zo\u00eb", "B\u00fchne", 1)


def test_slug_taken_by_a_concurrent_request_is_reported(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    EventFactory.create(slug="new")
    # As if the other event had been stored after the form was validated.
    monkeypatch.setattr(Event, "validate_constraints", lambda *args, **kwargs: None)
    response = admin_client.post(f"{EVENTS}add/", event_form(name="Typed"))
    assert errors(response) == {"slug": ["An event with this slug already exists."]}
    assert 'value="Typed"' in response.content.decode()


def test_edits_are_recorded_as_changes_and_in_the_admin_log(
    admin_client: Client, sold: Event
) -> None:
    values = as_shown(admin_client, sold) | {
        "name": "Renamed",
        "venue": "Hall 2",
        "starts_at_0": "2027-01-31",
        "starts_at_1": "20:00",
        "total_seats": "20",
    }
    assert admin_client.post(page_of(EVENTS, sold.pk), values).status_code == 302
    sold.refresh_from_db()
    assert (sold.name, sold.venue) == ("Renamed", "Hall 2")
    assert sold.starts_at == datetime(2027, 1, 31, 20, tzinfo=UTC)
    assert history(sold)[1:] == [
        (2, "edited", 0, "admin:admin"),
        (3, "capacity", 10, "admin:admin"),
    ]
    assert_inventory(sold, available=17, version=3, reservations=1)
    logged = LogEntry.objects.get()
    assert str(sold.pk) == logged.object_id
    for name in ("Name", "Venue", "Total seats"):
        assert name in logged.get_change_message()


def sales_of(event: Event) -> tuple[object, ...]:
    event.refresh_from_db()
    return event.sales_paused, event.sales_open_at, event.sales_close_at


OPENS, CLOSES = datetime(2027, 1, 31, 20, tzinfo=UTC), datetime(2027, 2, 1, 20, tzinfo=UTC)
TIMES = {
    "sales_open_at_0": "2027-01-31",
    "sales_open_at_1": "20:00",
    "sales_close_at_0": "2027-02-01",
    "sales_close_at_1": "20:00",
}


def test_new_event_is_a_draft_unless_unticked(admin_client: Client, db: None) -> None:
    shown = inputs_of(admin_client.get(f"{EVENTS}add/"))
    assert "sales_paused" in shown
    values = event_form(slug="draft") | {"sales_paused": shown["sales_paused"]}
    assert admin_client.post(f"{EVENTS}add/", values).status_code == 302
    assert sales_of(Event.objects.get(slug="draft")) == (True, None, None)
    values = event_form(slug="on-sale", **TIMES)
    assert admin_client.post(f"{EVENTS}add/", values).status_code == 302
    assert sales_of(Event.objects.get(slug="on-sale")) == (False, OPENS, CLOSES)


def test_sales_are_edited_with_a_change_of_their_kind(admin_client: Client, sold: Event) -> None:
    page = page_of(EVENTS, sold.pk)
    values = as_shown(admin_client, sold) | TIMES | {"sales_paused": "on", "name": "Renamed"}
    assert admin_client.post(page, values).status_code == 302
    assert sales_of(sold) == (True, OPENS, CLOSES)
    values = as_shown(admin_client, sold)
    del values["sales_paused"]
    assert admin_client.post(page, values).status_code == 302
    assert sales_of(sold) == (False, OPENS, CLOSES)
    assert history(sold)[1:] == [
        (2, "edited", 0, "admin:admin"),
        (3, "paused", 0, "admin:admin"),
        (4, "opened", 0, "admin:admin"),
    ]
    assert_inventory(sold, available=7, version=4, reservations=1)


def test_refused_form_neither_pauses_nor_edits(admin_client: Client, sold: Event) -> None:
    values = as_shown(admin_client, sold) | TIMES | {"sales_paused": "on", "total_seats": "2"}
    response = admin_client.post(page_of(EVENTS, sold.pk), values)
    assert list(errors(response)) == ["total_seats"]
    assert sales_of(sold) == (False, None, None)
    assert_inventory(sold, available=7, version=1, reservations=1)


CLOSING_ERROR = {"sales_close_at": ["Sales must close later than they open."]}


@pytest.mark.parametrize("date", ["2027-01-31", "2027-01-30"])
def test_closing_time_before_the_opening_is_reported(
    admin_client: Client, sold: Event, date: str
) -> None:
    times = TIMES | {"sales_close_at_0": date}
    response = admin_client.post(f"{EVENTS}add/", event_form(**times))
    assert errors(response) == CLOSING_ERROR
    response = admin_client.post(page_of(EVENTS, sold.pk), as_shown(admin_client, sold) | times)
    assert errors(response) == CLOSING_ERROR
    assert sales_of(sold) == (False, None, None)


def test_closing_time_before_a_newer_opening_time_is_reported(
    admin_client: Client, sold: Event
) -> None:
    values = as_shown(admin_client, sold)
    Event.objects.update(sales_open_at=CLOSES)
    closing = {"sales_close_at_0": "2027-02-01", "sales_close_at_1": "20:00"}
    response = admin_client.post(page_of(EVENTS, sold.pk), values | closing)
    assert errors(response) == CLOSING_ERROR
    assert sales_of(sold) == (False, CLOSES, None)


def test_unchanged_form_changes_nothing(admin_client: Client, sold: Event) -> None:
    exact = datetime(2027, 1, 31, 20, 0, 5, 250, tzinfo=UTC)
    Event.objects.filter(pk=sold.pk).update(starts_at=exact)
    assert (
        admin_client.post(page_of(EVENTS, sold.pk), as_shown(admin_client, sold)).status_code == 302
    )
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_outdated_form_does_not_revert_other_fields(admin_client: Client, sold: Event) -> None:
    mine, yours = as_shown(admin_client, sold), as_shown(admin_client, sold)
    admin_client.post(page_of(EVENTS, sold.pk), mine | {"total_seats": "20"})
    admin_client.post(page_of(EVENTS, sold.pk), yours | {"name": "Renamed"})
    sold.refresh_from_db()
    assert (sold.name, sold.total_seats) == ("Renamed", 20)


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("total_seats", "20", "15"),
        ("name", "Renamed", "Another"),
        ("venue", "Hall", "Cellar"),
        ("starts_at_0", "2027-01-31", "2027-02-01"),
        ("sales_open_at_0", "2027-01-31", "2027-02-01"),
        ("sales_close_at_0", "2027-01-31", "2027-02-01"),
    ],
)
def test_outdated_form_cannot_overwrite_a_newer_value(
    admin_client: Client, sold: Event, field: str, first: str, second: str
) -> None:
    time = {field.replace("_at_0", "_at_1"): "20:00:00"} if field.endswith("_0") else {}
    mine, yours = as_shown(admin_client, sold), as_shown(admin_client, sold)
    assert (
        admin_client.post(page_of(EVENTS, sold.pk), mine | time | {field: first}).status_code == 302
    )
    response = admin_client.post(page_of(EVENTS, sold.pk), yours | time | {field: second})
    assert errors(response) == {
        field.removesuffix("_0"): ["This value was changed by another user. Reload the page."]
    }
    assert len(history(sold)) == 2


def test_outdated_form_cannot_end_a_newer_pause(admin_client: Client, sold: Event) -> None:
    page = page_of(EVENTS, sold.pk)
    outdated = as_shown(admin_client, sold)
    assert admin_client.post(page, outdated | {"sales_paused": "on"}).status_code == 302
    # The box is not ticked, as when the form was shown, so this does not end the pause.
    assert admin_client.post(page, outdated | {"name": "Renamed"}).status_code == 302
    assert sales_of(sold) == (True, None, None)
    paused = as_shown(admin_client, sold)
    del paused["sales_paused"]
    assert admin_client.post(page, paused).status_code == 302
    response = admin_client.post(page, paused)
    assert errors(response) == {
        "sales_paused": ["This value was changed by another user. Reload the page."]
    }
    assert [kind for _, kind, *_ in history(sold)[1:]] == ["paused", "edited", "opened"]


def test_capacity_below_sold_is_reported_at_the_field(admin_client: Client, sold: Event) -> None:
    values = as_shown(admin_client, sold) | {"total_seats": "2", "name": "Renamed"}
    response = admin_client.post(page_of(EVENTS, sold.pk), values)
    assert errors(response) == {
        "total_seats": ["The capacity cannot be less than the seats already sold or held: 3."]
    }
    assert 'value="Renamed"' in response.content.decode()
    sold.refresh_from_db()
    assert sold.name == "Node.js Meet-up"
    assert_inventory(sold, available=7, version=1, reservations=1)


@pytest.mark.parametrize(
    "mistake", [{"starts_at_0": "tomorrow"}, {"total_seats": "2"}], ids=["date", "capacity"]
)
def test_refused_event_form_shows_the_stored_figures(
    admin_client: Client, sold: Event, mistake: dict[str, str]
) -> None:
    hold(sold, seats=2)
    values = as_shown(admin_client, sold) | {"name": "Unsaved", "total_seats": "2000"} | mistake
    reserve(sold)  # The figures are those of now, not those that the form was based on.
    response = admin_client.post(page_of(EVENTS, sold.pk), values)
    assert errors(response)
    page = response.content.decode()
    assert "4 sold, 2 held, 4 available" in page
    assert 'viewBox="0 0 10 1"' in page
    assert response.context["subtitle"] == "Node.js Meet-up"
    assert page.count("Unsaved") == 1
    assert f'value="{values["total_seats"]}"' in page


@pytest.mark.parametrize("date", ["tomorrow", "2027-01-31"])
def test_refused_event_form_can_be_corrected(admin_client: Client, sold: Event, date: str) -> None:
    page = page_of(EVENTS, sold.pk)
    mistakes = {"starts_at_0": date, "starts_at_1": "20:00", "total_seats": "2"}
    response = admin_client.post(page, as_shown(admin_client, sold) | mistakes)
    assert errors(response)
    corrections = {"starts_at_0": "2027-01-31", "total_seats": "20"}
    assert admin_client.post(page, inputs_of(response) | corrections).status_code == 302
    sold.refresh_from_db()
    assert (sold.starts_at, sold.total_seats) == (datetime(2027, 1, 31, 20, tzinfo=UTC), 20)


@pytest.mark.django_db(transaction=True)
def test_locked_event_is_reported_and_the_form_kept(admin_client: Client, sold: Event) -> None:
    with locked(sold), session_setting("lock_timeout", "100ms"):
        response = admin_client.post(
            page_of(EVENTS, sold.pk), as_shown(admin_client, sold) | {"name": "Renamed"}
        )
    assert errors(response) == {"__all__": ["Server is too busy, please try again."]}
    assert 'value="Renamed"' in response.content.decode()
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_slug_and_counters_cannot_be_edited(admin_client: Client, sold: Event) -> None:
    forged = {
        "slug": "other",
        "available_seats": "99",
        "held_seats": "1",
        "version": "0",
        "reservation_count": "9",
    }
    admin_client.post(page_of(EVENTS, sold.pk), as_shown(admin_client, sold) | forged)
    sold.refresh_from_db()
    assert sold.slug == "node-meetup-2025"
    assert_inventory(sold, available=7, version=1, reservations=1)


def test_event_page_shows_the_latest_20_changes(admin_client: Client, event: Event) -> None:
    other = EventFactory.create()
    for _ in range(10):
        reserve(other)  # The page must not show the changes of other events.
    event.total_seats = event.available_seats = 100
    event.save()
    for number in range(21):
        reserve(event, partner=f"p{number}")
    response = admin_client.get(page_of(EVENTS, event.pk))
    versions = [row[0] for row in response.context["changes"]["rows"]]
    assert versions == list(range(21, 1, -1))
    assert f"/admin/reservations/change/?event__id__exact={event.pk}" in response.content.decode()


def test_edit_needs_the_change_permission(login: Login, sold: Event) -> None:
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


def test_add_needs_the_add_permission(login: Login, sold: Event) -> None:
    editor = login("view_event", "change_event")
    assert (
        editor.post(
            page_of(EVENTS, sold.pk), as_shown(editor, sold) | {"name": "Renamed"}
        ).status_code
        == 302
    )
    assert history(sold)[-1] == (2, "edited", 0, "admin:clerk")
    assert editor.post(f"{EVENTS}add/", event_form()).status_code == 403
