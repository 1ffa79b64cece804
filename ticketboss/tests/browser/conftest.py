"""Fixtures for tests in a real browser: the Chromium installed on this machine."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ticketboss.tests.programs import ROOT, ServerProcess

Screenshot = Callable[[str], None]

SCREENSHOTS = ROOT / "test-artefacts" / "screenshots"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_TIMEOUT_MILLISECONDS = 30_000
_FLAGS = [
    "--no-sandbox",  # The sandbox does not work as root, and all pages are our own.
    "--disable-gpu",
    # Do not contact other servers.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running browser. Skips the test if Chromium is not installed.

    Not session-scoped: while Playwright runs its event loop in this thread, Django refuses database
    queries, so the tests of other modules would fail.
    """
    if not _CHROMIUM:
        pytest.skip("Chromium is not installed: apt install chromium")
    expect.set_options(timeout=_TIMEOUT_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(chromium: Browser, shared_home: Path) -> Iterator[ServerProcess]:
    """A running server, shared by all tests of a module. It has created a first login."""
    with ServerProcess(shared_home) as server:
        yield server


@pytest.fixture
def page(chromium: Browser, server: ServerProcess) -> Iterator[Page]:
    """A browser page; the test fails on console errors and on requests to other hosts."""
    context = chromium.new_context(
        base_url=f"http://127.0.0.1:{server.port}", viewport={"width": 1300, "height": 850}
    )
    context.set_default_timeout(_TIMEOUT_MILLISECONDS)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((f"http://127.0.0.1:{server.port}/", "data:", "blob:"))
            else errors.append(f"request to {request.url}")
        ),
    )
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def screenshot(page: Page) -> Screenshot:
    """A function that saves a screenshot of the loaded page under the given name, for review."""

    def save(name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return save


@pytest.fixture
def admin_page(page: Page, server: ServerProcess) -> Page:
    """The page, logged in to the admin with the first login that the server created."""
    log_in(page, "admin", server.first_password())
    return page


def log_in(page: Page, username: str, password: str) -> None:
    """Fill in and submit the admin's login form."""
    page.goto("/admin/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
