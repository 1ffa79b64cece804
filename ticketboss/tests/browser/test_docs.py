"""The page with the API's documentation, on a server that uses keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ticketboss.tests.browser.conftest import Screenshot
from ticketboss.tests.programs import ServerProcess, create_partner

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def server(chromium: Browser, shared_home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(shared_home, API_ACCESS="keys") as server:
        yield server


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    return create_partner(server.home, "abc-corp", "ABC Corp")


def try_out(page: Page, operation: str) -> Locator:
    block = page.locator(f"#operations-{operation}")
    block.get_by_role("button").first.click()
    block.get_by_role("button", name="Try it out").click()
    return block


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1300), ("dark", 1300), ("light", 390), ("dark", 390)]
)
def test_key_can_be_entered_and_is_not_stored(
    page: Page,
    screenshot: Screenshot,
    key: str,
    scheme: Literal["light", "dark"],
    width: int,
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 850})
    page.goto("/api/docs")
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".dialog-ux")
    dialog.get_by_label("Value").fill(key)
    screenshot(f"docs-authorize-{scheme}-{width}")
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()
    operation = try_out(page, "Partner-getMe")
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(answer).to_contain_text('"partnerId": "abc-corp"')
    screenshot(f"docs-{scheme}-{width}")
    assert key not in page.locator("body").inner_text()
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert page.evaluate(stored) == '[{},{},""]'
    assert page.evaluate("document.documentElement.scrollWidth") == width
    shown = page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    assert shown == ("dark" if scheme == "dark" else "normal")
    page.reload()
    expect(page.locator(".btn.authorize.unlocked")).to_be_visible()


def test_ids_in_paths_are_filled_in(page: Page) -> None:
    page.goto("/api/docs")
    for operation, name, example in (
        ("Reservations-getReservation", "reservation_id", "01a1fe49-"),
        ("Bookings-cancelBooking", "booking_id", "01a1fe49-"),
        ("Events-listChanges", "event_id", "node-meetup-2025"),
    ):
        block = try_out(page, operation)
        value = block.locator(f"tr[data-param-name={name}] input").input_value()
        assert value.startswith(example)
