"""Partners and keys in a browser: from the new partner to the revoked key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from ticketboss.tests.browser.conftest import Screenshot
from ticketboss.tests.programs import ServerProcess, manage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

CREATE_KEYS = """
from datetime import timedelta
from django.utils import timezone
from reservations.access.keys import create_partner, issue_key, revoke_key, set_active
from reservations.ledger import submit
from reservations.ledger.commands import Book, BookingItem
from reservations.access.verification import verify
from reservations.models import ApiKey, Scope
now = timezone.now()
create_partner(slug="seatwave", name="Seatwave Limited", by="manage.py partner create")
create_partner(slug="long-name-" * 9, name="A name of many words, " * 9, by="admin:berta")
create_partner(slug="asleep", by="admin:berta")
values = {"partner": "seatwave", "scopes": list(Scope), "by": "admin:berta"}
issued = [issue_key(**values, expires_at=now + timedelta(days=each)) for each in (10, 400, -1)]
issued += [issue_key(**values) for _ in range(2)]
issue_key(partner="long-name-" * 9, scopes=[Scope.READ], by="manage.py partner key")
issue_key(partner="asleep", scopes=[Scope.READ], by="manage.py partner key")
set_active(slug="asleep", active=False, by="admin:berta")
revoke_key(key_id=issued[1].id, by="admin:berta")
ApiKey.objects.filter(pk=issued[3].id).update(last_used_at=now - timedelta(days=100))
items = (BookingItem(event="node-meetup-2025", seats=2),)
caller = verify(str(issued[4]))
booked = dict(actor=str(caller), caller=caller, request_id="0f8a4c5e9b7d4e6f8a1b2c3d4e5f6a7b")
submit(Book(customer_email="ada@example.com", items=items, **booked))
"""
PAGES = [
    # A name, a list, and the row of it to open.
    ("partners", "partner", ""),
    ("partner", "partner", "#result_list a:text('seatwave')"),
    ("keys", "apikey", ""),
    ("key", "apikey", "#result_list tbody tr:has-text('seatwave') th a"),
    ("key-new", "apikey/add", ""),
    ("bookings-of-partners", "booking", ""),
    ("booking-of-a-partner", "booking", "#result_list tbody th a"),
    ("changes-of-partners", "change", ""),
]
NARROW: ViewportSize = {"width": 390, "height": 844}
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def server(chromium: Browser, shared_home: Path) -> Iterator[ServerProcess]:
    """A running server whose API needs keys."""
    with ServerProcess(shared_home, API_ACCESS="keys") as server:
        yield server


def sell(page: Page, key: str) -> int:
    """Sell a seat over the API with a key; return the status of the response."""
    headers = {"Authorization": f"Bearer {key}"}
    return page.request.post("/reservations", headers=headers, data={"seats": 1}).status


def create_partner(page: Page, screenshot: Screenshot) -> None:
    page.locator("nav, aside").get_by_role("link", name="Partners").first.click()
    page.get_by_title("Add partner").click()
    page.get_by_label("Partner id").fill("abc-corp")
    page.get_by_label("Name").fill("ABC Corporation")
    screenshot("partner-new")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#result_list").get_by_role("link", name="abc-corp").click()
    screenshot("partner-without-keys")


def issue_key(page: Page, screenshot: Screenshot) -> str:
    """Issue a key from the page of the partner, and copy it."""
    page.get_by_role("link", name="New key").click()
    expect(page.locator("select[name=partner]")).to_have_text("abc-corp")
    page.get_by_label("Last day of validity").fill("2020-01-31")
    page.get_by_role("button", name="Issue key").click()
    expect(page.get_by_text("This day is over.")).to_be_visible()
    screenshot("key-refused")
    page.get_by_label("Last day of validity").fill("2999-01-31")
    page.get_by_role("button", name="Issue key").click()
    page.context.grant_permissions(["clipboard-read"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert isinstance(copied, str)
    return copied


def save_screenshots_of_key(page: Page, screenshot: Screenshot) -> None:
    """Save the page that shows a new key, with another text instead of the key."""
    shown = page.get_by_label("Key of abc-corp")
    shown.evaluate("input => { input.value = 'tbk_k3j9x0a81bq2_' + 'x'.repeat(45) }")
    screenshot("key-issued-light")
    # The page cannot be loaded again, and reads the colour scheme only then.
    page.evaluate("document.documentElement.classList.add('dark')")
    screenshot("key-issued-dark")
    page.set_viewport_size(NARROW)
    screenshot("key-issued-narrow")
    assert page.evaluate(WIDTH) == page.evaluate("innerWidth")
    page.set_viewport_size({"width": 1300, "height": 850})


def test_key_is_issued_copied_used_and_revoked(admin_page: Page, screenshot: Screenshot) -> None:
    page = admin_page
    create_partner(page, screenshot)
    key = issue_key(page, screenshot)
    save_screenshots_of_key(page, screenshot)
    assert sell(page, key) == 201

    page.reload()
    expect(page.get_by_text("has been issued already, and cannot be shown again")).to_be_visible()
    assert key not in page.content()
    screenshot("key-not-shown-again")
    page.locator("#result_list tbody tr").get_by_role("link").first.click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoke 1 API key?")).to_be_visible()
    assert sell(page, key) == 201
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("1 of 1 revoked.")).to_be_visible()
    assert sell(page, key) == 401
    page.locator("#result_list tbody tr").get_by_role("link").first.click()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)


@pytest.fixture(scope="module")
def with_keys(server: ServerProcess) -> None:
    """Partners with keys in all states."""
    done = manage(server.home, "shell", "-c", CREATE_KEYS)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("with_keys")
@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_partners_and_keys_fit_on_the_page(
    admin_page: Page, screenshot: Screenshot, look: str
) -> None:
    page = admin_page
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    if look == "narrow":
        page.set_viewport_size(NARROW)
    for name, path, link in PAGES:
        page.goto(f"/admin/reservations/{path}/")
        if link:
            page.locator(link).first.click()
            page.wait_for_url("**/change/")
        screenshot(f"{name}-{look}")
        assert page.evaluate(WIDTH) == page.evaluate("innerWidth"), name


@pytest.mark.usefixtures("with_keys")
def test_several_keys_are_revoked_from_the_list(admin_page: Page, screenshot: Screenshot) -> None:
    admin_page.goto("/admin/reservations/apikey/?q=seatwave")
    for checkbox in admin_page.locator("input.action-select").all()[:3]:
        checkbox.check()
    admin_page.locator("select[name=action]").select_option("revoke")
    admin_page.get_by_title("Run the selected action").click()
    expect(admin_page.get_by_text("Revoke 3 API keys?")).to_be_visible()
    screenshot("revoke-question")
    admin_page.emulate_media(color_scheme="dark")
    admin_page.set_viewport_size(NARROW)
    screenshot("revoke-question-narrow")
    assert admin_page.evaluate(WIDTH) == admin_page.evaluate("innerWidth")
    admin_page.get_by_role("button", name="Revoke").click()
    expect(admin_page.get_by_text("3 of 3 revoked.")).to_be_visible()
