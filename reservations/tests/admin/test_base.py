"""Properties of all admin pages: access, cost, and tolerance of invalid query strings."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, connection
from django.db.models import Model
from django.test import Client

from reservations.models import Booking, Change, Event, Reservation
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    BOOKINGS,
    CHANGES,
    EVENTS,
    RESERVATIONS,
    cancel,
    messages,
    page_of,
    rows_read,
    shown,
    statements,
)
from reservations.tests.factories import EventFactory, book, reserve

MODELS = {EVENTS: Event, RESERVATIONS: Reservation, BOOKINGS: Booking, CHANGES: Change}
PAGES = list(MODELS)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def sold(sold: Event) -> Event:
    """The default event, with a reservation and a booking."""
    book(sold)
    return sold


def first_row(page: str) -> Model:
    found = MODELS[page]._default_manager.order_by("pk").first()
    assert found
    return found


@pytest.mark.parametrize("page", PAGES)
def test_list_and_detail_pages_are_shown(admin_client: Client, sold: Event, page: str) -> None:
    detail = page_of(page, first_row(page).pk)
    for url, text in ((page, detail), (detail, "Node.js Meet-up")):
        response = admin_client.get(url)
        assert response.status_code == 200
        assert text in response.content.decode()


@pytest.mark.parametrize("page", [RESERVATIONS, BOOKINGS, CHANGES])
def test_rows_of_the_ledger_cannot_be_added_or_edited(
    admin_client: Client, sold: Event, page: str
) -> None:
    before = first_row(page)
    assert "Save" not in admin_client.get(page_of(page, before.pk)).content.decode()
    values = {"seats": 1, "status": "cancelled", "available_seats": 9}
    assert admin_client.post(f"{page}add/", values).status_code == 403
    assert admin_client.post(page_of(page, before.pk), values).status_code == 403
    after = first_row(page)
    assert {f.attname: getattr(after, f.attname) for f in after._meta.concrete_fields} == {
        f.attname: getattr(before, f.attname) for f in before._meta.concrete_fields
    }


@pytest.mark.parametrize("page", PAGES)
def test_rows_cannot_be_deleted(admin_client: Client, sold: Event, page: str) -> None:
    pk = first_row(page).pk
    assert admin_client.post(f"{page}{pk}/delete/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"}
    admin_client.post(page, data)
    assert first_row(page).pk == pk


@pytest.mark.parametrize("page", PAGES)
def test_number_of_queries_does_not_grow_with_the_rows(
    admin_client: Client, sold: Event, page: str
) -> None:
    detail = page_of(page, first_row(page).pk)
    for path in (page, detail):
        statements(admin_client, path)  # fills the cache of content types
    before = [len(statements(admin_client, path)) for path in (page, detail)]
    for _ in range(2):
        reserve(sold)
        book(sold)
    EventFactory.create_batch(2)
    assert [len(statements(admin_client, path)) for path in (page, detail)] == before


def store_rows(event: Event, *, versions: range) -> None:
    """Store a change, a booking with an item, and three reservations for each version."""
    bookings = Booking.objects.bulk_create(
        Booking(customer_email="ada@example.com", status="confirmed", created_at=NOW)
        for _ in versions
    )
    values = {"event": event, "seats": 1, "status": "confirmed"}
    Reservation.objects.bulk_create(
        reservation
        for booking in bookings
        for reservation in (
            Reservation(**values, booking=booking),
            *(Reservation(**values, partner="acme") for _ in range(3)),
        )
    )
    Change.objects.bulk_create(
        Change(event=event, version=version, kind="edited", seats=0, available_seats=0)
        for version in versions
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE reservations_booking, reservations_reservation, reservations_change"
        )


@pytest.mark.usefixtures("planned_for_large_tables")
@pytest.mark.parametrize(
    "path",
    [
        RESERVATIONS,
        f"{RESERVATIONS}?q=acme",
        f"{RESERVATIONS}?status__exact=confirmed",
        f"{RESERVATIONS}?status__exact=held",
        f"{RESERVATIONS}?status__exact=cancelled",
        f"{RESERVATIONS}?event__id__exact={{event}}",
        BOOKINGS,
        f"{BOOKINGS}?q=ada@example.com",
        f"{BOOKINGS}?status__exact=confirmed",
        f"{BOOKINGS}?event={{event}}",
        CHANGES,
        f"{CHANGES}?kind__exact=edited",
        f"{CHANGES}?event__id__exact={{event}}",
    ],
)
def test_lists_read_no_more_rows_as_the_tables_grow(
    admin_client: Client, event: Event, path: str
) -> None:
    """No list counts, sorts or reads a complete table, which may have millions of rows."""
    path = path.format(event=event.pk)
    for _ in range(3):
        Reservation.objects.create(event=event, seats=1, status="held", expires_at=NOW)
        Reservation.objects.create(event=event, seats=1, status="cancelled")
    store_rows(event, versions=range(1, 151))
    before = rows_read(admin_client, path)
    store_rows(event, versions=range(151, 301))
    assert rows_read(admin_client, path) == before


def test_event_list_reads_each_event_only_once(admin_client: Client) -> None:
    """Events are few enough to sort, but the page must not count them as well."""
    EventFactory.create_batch(150)
    assert rows_read(admin_client, EVENTS)["reservations_event"] <= Event.objects.count()


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        pytest.param("q=" + "x" * 5000, id="q=5000-characters"),
        "p=0",
        "p=x",
        "p=" + "9" * 30,
        "o=99",
        "all=1",
        "status__exact=%00",
        "partner=%00",
        "event__id__exact=%00",
        "event__id__exact=" + "9" * 30,
        "id__exact=nonsense",
        "created_at_from=nonsense",
        "created_at_from=%00",
        "created_at_to=9999-12-31",
        "created_at__year=99999999",
        "created_at__year=99999999999999999999",
        "seats__range=1",
        "nonsense=1",
        "e=1",
    ],
)
def test_reservation_list_accepts_any_query_string(
    admin_client: Client, sold: Event, query: str
) -> None:
    assert admin_client.get(f"{RESERVATIONS}?{query}", follow=True).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        f"{EVENTS}?slug=%00",
        f"{EVENTS}add/?starts_at=zz",
        f"{BOOKINGS}?q=%00",
        f"{BOOKINGS}?event=nonsense",
        f"{BOOKINGS}?event=%00",
        f"{BOOKINGS}?event=" + "9" * 30,
        f"{BOOKINGS}?status__exact=%00",
        f"{BOOKINGS}?created_at_from=nonsense",
        f"{BOOKINGS}?nonsense=1",
        f"{CHANGES}?kind__exact=%00",
        f"{CHANGES}?at__year=99999999",
    ],
)
def test_other_pages_accept_any_query_string(admin_client: Client, sold: Event, url: str) -> None:
    assert admin_client.get(url, follow=True).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "p=0&e=1",
        "_to_field=partner",
        "event__name=x",
        "event__id__exact=%00",
        "created_at__year=99999999",
        "_popup=1&seats__range=1",
    ],
)
def test_invalid_filter_is_reported_and_shows_all_rows(
    admin_client: Client, sold: Event, query: str
) -> None:
    response = admin_client.get(f"{RESERVATIONS}?{query}", follow=True)
    assert response.redirect_chain == [(RESERVATIONS, 302)]
    assert messages(response) == ["Invalid filter; showing all rows."]
    assert len(shown(response)) == 2


def test_action_on_an_invalid_filter_changes_nothing(admin_client: Client, sold: Event) -> None:
    page = f"{RESERVATIONS}?event__id__exact=%00"
    response = cancel(admin_client, first_row(RESERVATIONS).pk, page=page)
    assert messages(response) == ["Invalid filter, so nothing was changed. Select the rows again."]
    assert not Change.objects.filter(kind="cancelled").exists()


def test_action_on_an_invalid_selection_changes_nothing(admin_client: Client, sold: Event) -> None:
    response = cancel(admin_client, first_row(RESERVATIONS).pk, "nonsense")
    text = "Invalid selection, so nothing was changed. Select the rows again."
    assert messages(response) == [text]
    assert not Change.objects.filter(kind="cancelled").exists()


@pytest.fixture(
    params=[TypeError, ValueError, IndexError, OverflowError, ValidationError, DataError]
)
def make_fail(
    request: pytest.FixtureRequest, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Return a function that makes the function with this path raise one of the errors."""

    def fail(*args: object) -> None:
        raise request.param("not a filter")

    def make_fail(path: str) -> None:
        monkeypatch.setattr(path, fail)
        admin_client.raise_request_exception = False

    return make_fail


def test_error_after_a_cancel_is_a_logged_500(
    admin_client: Client,
    sold: Event,
    make_fail: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_fail("reservations.admin.cancelling.log_changes")
    pk = Reservation.objects.get(booking=None).pk
    response = cancel(admin_client, pk, page=f"{RESERVATIONS}?status__exact=confirmed")
    assert (response.status_code, response.redirect_chain) == (500, [])
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.exc_info
    assert "not a filter" in repr(record.exc_info[1])
    assert Change.objects.filter(kind="cancelled").count() == 1


def test_error_in_a_column_of_a_list_is_a_logged_500(
    admin_client: Client,
    sold: Event,
    make_fail: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_fail("reservations.admin.reservation.short_link")
    assert admin_client.get(f"{RESERVATIONS}?status__exact=confirmed").status_code == 500
    assert [each.levelname for each in caplog.records if each.exc_info] == ["ERROR"]


@pytest.mark.parametrize(
    "pk",
    ["%00", "9" * 30, "00000000-0000-0000-0000-000000000000"],
    ids=["nul", "30-digits", "uuid"],
)
@pytest.mark.parametrize("page", PAGES)
def test_page_of_an_unknown_row_redirects_to_the_index(
    admin_client: Client, sold: Event, page: str, pk: str
) -> None:
    response = admin_client.get(page_of(page, pk), follow=True)
    assert (response.redirect_chain, response.status_code) == ([("/admin/", 302)], 200)


def test_autocomplete_accepts_nul(admin_client: Client, sold: Event) -> None:
    query = "app_label=reservations&model_name=reservation&field_name=event"
    assert admin_client.get(f"/admin/autocomplete/?{query}&term=%00").status_code == 200
    found = admin_client.get(f"/admin/autocomplete/?{query}&term=meet").json()["results"]
    assert [each["text"] for each in found] == ["Node.js Meet-up"]


def test_anonymous_visitors_are_redirected_to_the_login(db: None) -> None:
    for page in PAGES:
        assert Client().get(page).status_code == 302
    assert Client().get("/admin")["Location"] == "/admin/"


@pytest.mark.parametrize("page", PAGES)
def test_pages_need_the_view_permission(login: Login, sold: Event, page: str) -> None:
    client = login()
    assert client.get(page).status_code == 403
    assert client.get(page_of(page, first_row(page).pk)).status_code == 403
    assert page not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("page", ["user", "group"])
def test_account_pages_are_shown(admin_client: Client, page: str) -> None:
    assert admin_client.get(f"/admin/auth/{page}/").status_code == 200
    assert admin_client.get(f"/admin/auth/{page}/add/").status_code == 200
