"""The pages for everybody."""

import pytest
from playwright.sync_api import Page, expect

from ticketboss.tests.browser.conftest import Camera
from ticketboss.tests.programs import Serving

pytestmark = pytest.mark.slow


def test_the_front_page(page: Page, camera: Camera, server: Serving) -> None:
    server.reserve(3)
    left = server.request("GET", "/reservations").body["availableSeats"]
    page.goto("/")
    expect(page.get_by_text(f"{left} of 500 seats available")).to_be_visible()
    camera.take("home")


def test_the_api_is_tried_out_on_its_own_page(page: Page, camera: Camera, server: Serving) -> None:
    before = server.request("GET", "/reservations").body["availableSeats"]
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="TicketBoss")).to_be_visible()
    page.locator("#operations-Reservations-reserve").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("201")
    camera.take("docs")
    assert server.request("GET", "/reservations").body["availableSeats"] == before - 3
