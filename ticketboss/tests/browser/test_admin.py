"""The admin in a browser: login, events, reservations, bookings, jobs."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from ticketboss.tests.browser.conftest import Screenshot, log_in
from ticketboss.tests.programs import ServerProcess, manage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

CREATE_VIEWER = """
from django.contrib.auth.models import Permission, User
user = User.objects.create_user("viewer", password="only-looking-99", is_staff=True)
user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
"""

CREATE_BOOKING = """
from reservations.ledger import submit
from reservations.ledger.commands import Book, BookingItem, Reserve
from reservations.models import Event
for name in ("Matinee", "Gala", "Premiere"):
    Event.objects.create_event(Event(slug=name.lower(), name=name, total_seats=20))
for slug in ("matinee", "premiere"):
    submit(Reserve(event=slug, partner="held-one", seats=4, actor="test", hold_seconds=3600))
submit(Reserve(event="premiere", partner="sold-one", seats=3, actor="test"))
items = tuple(BookingItem(event=slug, seats=3) for slug in ("gala", "matinee"))
print(submit(Book(customer_email="ada@example.com", items=items, actor="test")).id)
"""


RECORD_EVENTS = """
from django.http import HttpRequest
from reservations.models import SecurityEvent
from reservations.request_context import admin_request
from reservations.security_log import record
request = HttpRequest()
admin_request.set(request)
actors = ["admin:berta", "manage.py partner key", "partner:seatwave/k3j9x2m4p7q1"]
subjects = ["user:7", "key:k3j9x2m4p7q1", "", "partner:" + "seatwave-" * 11]
for number, kind in enumerate(2 * SecurityEvent.Kind.values):
    request.META = {"REMOTE_ADDR": ["192.0.2.17", "2001:db8:1234:5::6"][number % 2]}
    actor, subject = actors[number % 3], subjects[number % 4]
    rights = [f"reservations.cancel_{each}" for each in range(number % 7)]
    details = {"name": "berta", "permissions": rights}
    record(kind=kind, actor=actor, subject=subject, **details)
"""


@pytest.fixture(scope="module")
def booking(server: ServerProcess) -> str:
    """The id of a booking of two new events. One of them and a third new event have a hold."""
    done = manage(server.home, "shell", "-c", CREATE_BOOKING)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def open_event(page: Page, name: str) -> None:
    page.goto("/admin/reservations/event/")
    page.get_by_role("link", name=name).click()


def test_wrong_password_is_rejected(page: Page, screenshot: Screenshot) -> None:
    page.goto("/admin/")
    screenshot("login")
    log_in(page, "admin", "wrong")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    expect(page.get_by_text("Please correct the error below.")).to_be_hidden()


def test_user_form_is_not_wider_than_the_page(admin_page: Page, screenshot: Screenshot) -> None:
    admin_page.goto("/admin/auth/user/")
    admin_page.get_by_role("link", name="admin", exact=True).click()
    screenshot("user")
    width = "document.documentElement.scrollWidth"
    assert admin_page.evaluate(width) == admin_page.evaluate("innerWidth")
    expect(admin_page.get_by_text("Password", exact=True)).to_be_visible()


def test_history_of_a_user_names_its_columns_once(admin_page: Page, screenshot: Screenshot) -> None:
    admin_page.goto("/admin/auth/user/")
    admin_page.get_by_role("link", name="admin", exact=True).click()
    save(admin_page)
    admin_page.locator("#result_list").get_by_role("link", name="admin", exact=True).click()
    admin_page.locator('a[href$="/history/"]').click()
    screenshot("user-history")
    label = "cell => getComputedStyle(cell, '::before').display"
    assert admin_page.locator("td[data-label=User]").first.evaluate(label) == "none"


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_event_can_be_created(
    admin_page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    admin_page.goto("/admin/reservations/event/add/")
    admin_page.get_by_label("Slug").fill("jazz-night")
    admin_page.get_by_label("Name").fill("Jazz Night")
    admin_page.get_by_label("Venue").fill("Cellar")
    admin_page.locator("#id_starts_at_0").fill("2027-01-31")
    admin_page.locator("#id_starts_at_1").fill("20:00:00")
    admin_page.get_by_label("Total seats").fill("12")
    screenshot("event-new")
    save(admin_page)
    expect(admin_page.get_by_text("was added successfully")).to_be_visible()
    assert server.request("GET", "/reservations?eventId=jazz-night").body["totalSeats"] == 12


def test_event_edit_form_rejects_capacity_below_sold(
    admin_page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    assert server.reserve(5).status == 201
    sold = 500 - server.request("GET", "/reservations").body["availableSeats"]
    open_event(admin_page, "Node.js Meet-up")
    expect(admin_page.get_by_text(f"{sold} sold, {500 - sold} available")).to_be_visible()
    admin_page.get_by_label("Total seats").fill("4")
    admin_page.get_by_label("Venue").fill("Great Hall")
    save(admin_page)
    refusal = f"The capacity cannot be less than the seats already sold or held: {sold}."
    expect(admin_page.get_by_text(refusal)).to_be_visible()
    expect(admin_page.get_by_label("Venue")).to_have_value("Great Hall")
    screenshot("event-refused")

    admin_page.get_by_label("Total seats").fill("499")
    save(admin_page)
    expect(admin_page.get_by_text("was changed successfully")).to_be_visible()
    expect(admin_page.get_by_text(f"{sold} sold, {499 - sold} available")).to_be_visible()
    screenshot("events")

    open_event(admin_page, "Node.js Meet-up")
    expect(admin_page.get_by_label("Venue")).to_have_value("Great Hall")
    kinds = admin_page.locator("section.latest-changes td[data-label=Kind]").all_inner_texts()
    assert [kind.strip() for kind in kinds[:2]] == ["capacity", "edited"]
    screenshot("event")


def test_refused_event_form_shows_the_stored_figures(
    admin_page: Page, screenshot: Screenshot, booking: str
) -> None:
    open_event(admin_page, "Premiere")
    admin_page.get_by_label("Total seats").fill("7")
    admin_page.locator("#id_starts_at_0").fill("tomorrow")
    save(admin_page)
    expect(admin_page.get_by_text("Enter a valid date.")).to_be_visible()
    expect(admin_page.get_by_text("3 sold, 4 held, 13 available")).to_be_visible()
    screenshot("event-refused-for-a-date")


def test_cancel_action_asks_and_reports_each_reservation(
    admin_page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    before = server.request("GET", "/reservations").body["availableSeats"]
    ids = [server.reserve(seats).body["reservationId"] for seats in (1, 2, 3)]
    admin_page.goto("/admin/reservations/reservation/")
    screenshot("reservations")
    for checkbox in admin_page.locator("input.action-select").all()[:2]:
        checkbox.check()
    run_cancel(admin_page)
    expect(admin_page.get_by_text("Cancel 2 reservations and return 5 seats?")).to_be_visible()
    screenshot("cancel-question")
    # One of them is cancelled through the API before the confirmation.
    assert server.request("DELETE", f"/reservations/{ids[2]}").status == 204
    admin_page.get_by_role("button", name="Cancel and return the seats").click()
    expect(admin_page.get_by_text("1 of 2 cancelled, 2 seats returned.")).to_be_visible()
    expect(admin_page.get_by_text("1 of 2 was already cancelled: ")).to_be_visible()
    screenshot("cancelled")
    assert server.request("GET", "/reservations").body["availableSeats"] == before - 1

    admin_page.get_by_role("link", name=f"…{ids[2][-8:]}").first.click()
    admin_page.locator('a[href$="/history/"]').click()
    expect(admin_page.locator("td[data-label=Action]")).to_have_text(["Cancelled", "Confirmed"])
    screenshot("history")

    admin_page.locator("nav, aside").get_by_role("link", name="Changes").first.click()
    expect(admin_page.get_by_text("admin:admin").first).to_be_visible()
    screenshot("changes")


def test_holds_are_shown_and_filtered(
    admin_page: Page, screenshot: Screenshot, booking: str
) -> None:
    admin_page.goto("/admin/reservations/event/?q=premiere")
    expect(admin_page.get_by_text("3 sold, 4 held, 13 available")).to_be_visible()
    screenshot("events-held")
    admin_page.goto("/admin/reservations/reservation/?status__exact=held")
    expect(admin_page.locator("#result_list tbody tr")).to_have_count(2)
    screenshot("reservations-held")


def test_booking_is_cancelled_as_a_whole(
    admin_page: Page, screenshot: Screenshot, server: ServerProcess, booking: str
) -> None:
    # Cancelling one of its reservations links to the booking instead.
    admin_page.goto("/admin/reservations/reservation/")
    row = admin_page.locator("#result_list tbody tr", has_text="Matinee").first
    row.get_by_role("checkbox").check()
    run_cancel(admin_page)
    text = admin_page.get_by_text("is part of a booking, which can only be cancelled as a whole")
    expect(text).to_be_visible()
    screenshot("reservation-of-a-booking")
    text.get_by_role("link", name=f"…{booking[-8:]}").click()
    expect(admin_page.locator("section, fieldset").get_by_role("link", name="Gala")).to_be_visible()
    screenshot("booking")

    admin_page.locator("nav, aside").get_by_role("link", name="Bookings").first.click()
    admin_page.locator("input.action-select").check()
    screenshot("bookings")
    run_cancel(admin_page)
    expect(admin_page.get_by_text("Cancel 1 booking and return 6 seats?")).to_be_visible()
    admin_page.get_by_role("button", name="Cancel and return the seats").click()
    expect(admin_page.get_by_text("1 of 1 cancelled, 6 seats returned.")).to_be_visible()
    screenshot("booking-cancelled")
    for slug, left in (("matinee", 16), ("gala", 20)):
        found = server.request("GET", f"/reservations?eventId={slug}").body
        assert found["availableSeats"] == left


def run_cancel(page: Page) -> None:
    page.locator("select[name=action]").select_option("cancel")
    page.get_by_title("Run the selected action").click()


def test_list_of_jobs_is_shown(admin_page: Page, screenshot: Screenshot) -> None:
    admin_page.goto("/admin/")
    admin_page.locator("nav, aside").get_by_role("link", name="Jobs").first.click()
    expect(admin_page.locator("h1, h2, nav", has_text="Procrastinate jobs").first).to_be_visible()
    screenshot("jobs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_security_events_of_all_kinds_fit_on_the_page(
    admin_page: Page,
    screenshot: Screenshot,
    server: ServerProcess,
    scheme: Literal["light", "dark"],
) -> None:
    done = manage(server.home, "shell", "-c", RECORD_EVENTS)
    assert done.returncode == 0, done.stderr
    admin_page.emulate_media(color_scheme=scheme)
    admin_page.goto("/admin/")
    admin_page.locator("nav, aside").get_by_role("link", name="Security events").first.click()
    for text in ("Login refused", "Rights given", "Key revoked", "Bookings adopted"):
        expect(admin_page.locator("#result_list").get_by_text(text).first).to_be_visible()
    screenshot(f"security-events-{scheme}")
    width = "document.documentElement.scrollWidth"
    assert admin_page.evaluate(width) == admin_page.evaluate("innerWidth")
    row = admin_page.locator("#result_list tbody tr", has_text="partner:seatwave").first
    row.get_by_role("link").first.click()
    screenshot(f"security-event-{scheme}")
    expect(admin_page.get_by_role("button", name="Save")).to_have_count(0)


def test_reservations_can_be_searched_and_filtered(
    admin_page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    for partner in ("me-1", "me-2", "other"):
        server.request("POST", "/reservations", {"partnerId": f"found-{partner}", "seats": 1})
    admin_page.goto("/admin/reservations/reservation/")
    admin_page.locator("#searchbar").fill("found-me")
    admin_page.locator("#searchbar").press("Enter")
    expect(admin_page.locator("#result_list tbody tr")).to_have_count(2)
    admin_page.goto("/admin/reservations/reservation/")
    admin_page.locator("a", has_text="Filters").click()
    screenshot("filters")
    admin_page.locator("input[name=created_at_from]").fill("2001-01-01")
    admin_page.locator("input[name=created_at_to]").fill("2001-01-02")
    admin_page.get_by_role("button", name="Apply filters").click()
    expect(admin_page.get_by_role("heading", name="No results")).to_be_visible()


def test_viewer_sees_no_actions_and_no_save_button(
    page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    server.request("POST", "/reservations", {"partnerId": "seen", "seats": 1})
    assert manage(server.home, "shell", "-c", CREATE_VIEWER).returncode == 0
    log_in(page, "viewer", "only-looking-99")
    page.goto("/admin/reservations/reservation/?q=seen")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("input.action-select")).to_have_count(0)
    open_event(page, "Node.js Meet-up")
    expect(page.get_by_text(re.compile(r"\d+ sold, \d+ available"))).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    screenshot("event-viewer")
