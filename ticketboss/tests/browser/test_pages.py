"""The public pages in a browser."""

import pytest
from playwright.sync_api import Page, expect

from ticketboss.tests.browser.conftest import Screenshot
from ticketboss.tests.programs import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_home_page_shows_available_seats(
    page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    server.reserve(3)
    left = server.request("GET", "/reservations").body["availableSeats"]
    page.goto("/")
    expect(page.get_by_text(f"{left} of 500 seats available")).to_be_visible()
    screenshot("home")


def test_api_docs_page_can_execute_a_request(
    page: Page, screenshot: Screenshot, server: ServerProcess
) -> None:
    before = server.request("GET", "/reservations").body["availableSeats"]
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="TicketBoss")).to_be_visible()
    page.locator("#operations-Reservations-reserve").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("201")
    screenshot("docs")
    assert server.request("GET", "/reservations").body["availableSeats"] == before - 3
