"""A real browser, the machine's own Chromium, at a real server."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ticketboss.tests.programs import ROOT, Serving

SCREENSHOTS = ROOT / "test-artefacts" / "screenshots"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_MILLISECONDS = 10_000
_FLAGS = [
    "--no-sandbox",  # Nothing but our own pages; and root cannot have one.
    "--disable-gpu",
    # It shall ask nobody but us.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, or a skipped test."""
    if not _CHROMIUM:
        pytest.skip("there is no Chromium: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(chromium: Browser, shared_home: Path) -> Iterator[Serving]:
    """A server for all tests of a module, whose first login it has printed."""
    with Serving(shared_home) as serving:
        yield serving


@pytest.fixture
def page(chromium: Browser, server: Serving) -> Iterator[Page]:
    """A window at the server; anything wrong on its pages fails the test."""
    context = chromium.new_context(
        base_url=f"http://127.0.0.1:{server.port}", viewport={"width": 1300, "height": 850}
    )
    context.set_default_timeout(_MILLISECONDS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            None
            if sent.url.startswith((f"http://127.0.0.1:{server.port}/", "data:", "blob:"))
            else wrong.append(f"asked {sent.url}")
        ),
    )
    yield page
    context.close()
    assert wrong == []


class Camera:
    """Keeps what a page looks like, for people to look at."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def take(self, name: str) -> Path:
        """Keep the page, once it has come to rest, under ``name``."""
        self._page.wait_for_load_state("networkidle")
        target = SCREENSHOTS / f"{name}.png"
        self._page.screenshot(path=target, full_page=True)
        return target


@pytest.fixture
def camera(page: Page) -> Camera:
    """A camera at the page."""
    return Camera(page)


@pytest.fixture
def boss(page: Page, server: Serving) -> Page:
    """The window, logged in with the login that the server printed."""
    found = re.search(r"Login +(\S+) / (\S+)", server.output)
    assert found
    log_in(page, found[1], found[2])
    return page


def log_in(page: Page, username: str, password: str) -> None:
    """Fill in the login form."""
    page.goto("/admin/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
