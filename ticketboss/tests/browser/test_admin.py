"""What staff do in the admin, with a mouse and a keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from ticketboss.tests.browser.conftest import Camera, log_in
from ticketboss.tests.programs import Serving, manage

pytestmark = pytest.mark.slow

VIEWER = """
from django.contrib.auth.models import Permission, User
user = User.objects.create_user("viewer", password="only-looking-99", is_staff=True)
user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
"""

BOOKED = """
from reservations.ledger import submit
from reservations.ledger.commands import Book, BookingItem, Reserve
from reservations.models import Event
for slug, name in (("matinee", "Matinee"), ("gala", "Gala")):
    Event.objects.create_event(Event(slug=slug, name=name, total_seats=20))
submit(Reserve(event="matinee", partner="held-one", seats=4, actor="test", hold_seconds=3600))
items = tuple(BookingItem(event=slug, seats=3) for slug in ("gala", "matinee"))
print(submit(Book(customer_email="ada@example.com", items=items, actor="test")).id)
"""


@pytest.fixture(scope="module")
def booking(server: Serving) -> str:
    """The id of a booking, and a hold at one of its events."""
    done = manage(server.home, "shell", "-c", BOOKED)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def open_event(page: Page, name: str) -> None:
    page.goto("/admin/reservations/event/")
    page.get_by_role("link", name=name).click()


def test_the_login(page: Page, camera: Camera) -> None:
    page.goto("/admin/")
    camera.take("login")
    log_in(page, "admin", "wrong")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_an_event_is_opened(boss: Page, camera: Camera, server: Serving) -> None:
    boss.goto("/admin/reservations/event/add/")
    boss.get_by_label("Slug").fill("jazz-night")
    boss.get_by_label("Name").fill("Jazz Night")
    boss.get_by_label("Venue").fill("Cellar")
    boss.locator("#id_starts_at_0").fill("2027-01-31")
    boss.locator("#id_starts_at_1").fill("20:00:00")
    boss.get_by_label("Total seats").fill("12")
    camera.take("event-new")
    save(boss)
    expect(boss.get_by_text("was added successfully")).to_be_visible()
    assert server.request("GET", "/reservations?eventId=jazz-night").body["totalSeats"] == 12


def test_an_event_is_edited_and_never_gets_too_small(
    boss: Page, camera: Camera, server: Serving
) -> None:
    assert server.reserve(5).status == 201
    sold = 500 - server.request("GET", "/reservations").body["availableSeats"]
    open_event(boss, "Node.js Meet-up")
    expect(boss.get_by_text(f"{sold} sold, {500 - sold} available")).to_be_visible()
    boss.get_by_label("Total seats").fill("4")
    boss.get_by_label("Venue").fill("Great Hall")
    save(boss)
    refusal = f"The capacity cannot be less than the seats already sold or held: {sold}."
    expect(boss.get_by_text(refusal)).to_be_visible()
    expect(boss.get_by_label("Venue")).to_have_value("Great Hall")
    camera.take("event-refused")

    boss.get_by_label("Total seats").fill("499")
    save(boss)
    expect(boss.get_by_text("was changed successfully")).to_be_visible()
    expect(boss.get_by_text(f"{sold} sold, {499 - sold} available")).to_be_visible()
    camera.take("events")

    open_event(boss, "Node.js Meet-up")
    expect(boss.get_by_label("Venue")).to_have_value("Great Hall")
    kinds = boss.locator("section.latest-changes td[data-label=Kind]").all_inner_texts()
    assert [kind.strip() for kind in kinds[:2]] == ["capacity", "edited"]
    camera.take("event")


def test_reservations_are_cancelled_after_a_question(
    boss: Page, camera: Camera, server: Serving
) -> None:
    before = server.request("GET", "/reservations").body["availableSeats"]
    ids = [server.reserve(seats).body["reservationId"] for seats in (1, 2, 3)]
    boss.goto("/admin/reservations/reservation/")
    camera.take("reservations")
    for checkbox in boss.locator("input.action-select").all()[:2]:
        checkbox.check()
    run_cancel(boss)
    expect(boss.get_by_text("Cancel 2 reservations and return 5 seats?")).to_be_visible()
    camera.take("cancel-question")
    # Somebody else is faster with one of them.
    assert server.request("DELETE", f"/reservations/{ids[2]}").status == 204
    boss.get_by_role("button", name="Cancel and return the seats").click()
    expect(boss.get_by_text("1 of 2 cancelled, 2 seats returned.")).to_be_visible()
    expect(boss.get_by_text(f"{ids[2]}: Reservation not found or already")).to_be_visible()
    camera.take("cancelled")
    assert server.request("GET", "/reservations").body["availableSeats"] == before - 1

    boss.locator("nav, aside").get_by_role("link", name="Changes").first.click()
    expect(boss.get_by_text("admin:admin").first).to_be_visible()
    camera.take("changes")


def test_holds_are_seen(boss: Page, camera: Camera, booking: str) -> None:
    boss.goto("/admin/reservations/event/?q=matinee")
    expect(boss.get_by_text("3 sold, 4 held, 13 available")).to_be_visible()
    camera.take("events-held")
    boss.goto("/admin/reservations/reservation/?status__exact=held")
    expect(boss.locator("#result_list tbody tr")).to_have_count(1)
    camera.take("reservations-held")


def test_a_booking_is_cancelled_whole(
    boss: Page, camera: Camera, server: Serving, booking: str
) -> None:
    # An item alone is not cancelled, and the way to its booking is shown.
    boss.goto("/admin/reservations/reservation/")
    boss.locator("#result_list tbody tr", has_text="Matinee").first.get_by_role("checkbox").check()
    run_cancel(boss)
    expect(boss.get_by_text("which is cancelled whole")).to_be_visible()
    camera.take("reservation-of-a-booking")
    boss.get_by_role("link", name=booking).click()
    expect(boss.locator("section, fieldset").get_by_role("link", name="Gala")).to_be_visible()
    camera.take("booking")

    boss.locator("nav, aside").get_by_role("link", name="Bookings").first.click()
    boss.locator("input.action-select").check()
    camera.take("bookings")
    run_cancel(boss)
    expect(boss.get_by_text("Cancel 1 booking and return 6 seats?")).to_be_visible()
    boss.get_by_role("button", name="Cancel and return the seats").click()
    expect(boss.get_by_text("1 of 1 cancelled, 6 seats returned.")).to_be_visible()
    camera.take("booking-cancelled")
    for slug, left in (("matinee", 16), ("gala", 20)):
        found = server.request("GET", f"/reservations?eventId={slug}").body
        assert found["availableSeats"] == left


def run_cancel(page: Page) -> None:
    page.locator("select[name=action]").select_option("cancel")
    page.get_by_title("Run the selected action").click()


def test_jobs_are_looked_at(boss: Page, camera: Camera) -> None:
    boss.goto("/admin/")
    boss.locator("nav, aside").get_by_role("link", name="Jobs").first.click()
    expect(boss.locator("h1, h2, nav", has_text="Procrastinate jobs").first).to_be_visible()
    camera.take("jobs")


def test_reservations_are_found(boss: Page, camera: Camera, server: Serving) -> None:
    for partner in ("me-1", "me-2", "other"):
        server.request("POST", "/reservations", {"partnerId": f"found-{partner}", "seats": 1})
    boss.goto("/admin/reservations/reservation/")
    boss.locator("#searchbar").fill("found-me")
    boss.locator("#searchbar").press("Enter")
    expect(boss.locator("#result_list tbody tr")).to_have_count(2)
    boss.goto("/admin/reservations/reservation/")
    boss.locator("a", has_text="Filters").click()
    camera.take("filters")
    boss.locator("input[name=created_at_from]").fill("2001-01-01")
    boss.locator("input[name=created_at_to]").fill("2001-01-02")
    boss.get_by_role("button", name="Apply filters").click()
    expect(boss.get_by_role("heading", name="No results")).to_be_visible()


def test_a_viewer_only_looks(page: Page, camera: Camera, server: Serving) -> None:
    server.request("POST", "/reservations", {"partnerId": "seen", "seats": 1})
    assert manage(server.home, "shell", "-c", VIEWER).returncode == 0
    log_in(page, "viewer", "only-looking-99")
    page.goto("/admin/reservations/reservation/?q=seen")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("input.action-select")).to_have_count(0)
    open_event(page, "Node.js Meet-up")
    expect(page.get_by_text(re.compile(r"\d+ sold, \d+ available"))).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    camera.take("event-viewer")
