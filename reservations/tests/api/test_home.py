"""GET /, as JSON and as HTML, and routes that do not exist."""

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from reservations.models import Event
from reservations.tests.factories import hold, reserve

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "image/png",
        "nonsense",
        "text/html; a*=nope''%ff",
        pytest.param("text/html" + ",a/b" * 250, id="too-long"),  # Parsing it would take long.
    ],
)
def test_home_is_the_summary_unless_html_is_preferred(
    event: Event, client: APIClient, accept: str | None
) -> None:
    response = client.get("/", headers={"accept": accept} if accept else None)
    assert response.json() == client.get("/reservations").json()
    assert "Accept" in response["Vary"]


def test_browser_gets_html_with_the_available_seats(event: Event, client: APIClient) -> None:
    reserve(event, seats=3)
    response = client.get("/", headers={"accept": BROWSER})
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "Accept" in response["Vary"]
    page = response.content.decode()
    assert "<h1>Node.js Meet-up</h1>" in page
    assert "<strong>7</strong> of 10 seats available" in page
    assert "Held" not in page


@pytest.mark.parametrize("access", ["open", "keys"])
def test_home_page_shows_a_command_that_works(
    event: Event, client: APIClient, settings: Settings, access: str
) -> None:
    settings.API_ACCESS = access
    page = client.get("/", headers={"accept": BROWSER}).content.decode()
    header = "  -H @ticketboss.header \\\n" if access == "keys" else ""
    assert f"""curl http://testserver/reservations \\\n{header}  --json '{{"partnerId""" in page
    assert ("Authorization: Bearer" in page) == (access == "keys")


def test_home_page_shows_held_seats_separately(event: Event, client: APIClient) -> None:
    hold(event, seats=2)
    page = client.get("/", headers={"accept": BROWSER}).content.decode()
    assert "<strong>8</strong> of 10 seats available" in page
    assert "<dt>Sold</dt><dd>0</dd>" in page
    assert "<dt>Held</dt><dd>2</dd>" in page


def test_home_page_escapes_the_event_name(event: Event, client: APIClient) -> None:
    event.name = "<script>alert(1)</script>"
    event.save()
    page = client.get("/", headers={"accept": BROWSER}).content.decode()
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/nope", "/api", "/reservations/x/y", "/RESERVATIONS", "/%00"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_unknown_route_is_a_404_in_json(db: None, path: str, method: str) -> None:
    client = APIClient(enforce_csrf_checks=True)
    response = getattr(client, method)(path)
    assert (response.status_code, response.json()) == (
        404,
        {"error": "Not found", "code": "not_found"},
    )


@pytest.mark.parametrize("path", ["/reservations%0A", "/health%0A"])
def test_route_followed_by_a_line_break_is_not_found(
    db: None, client: APIClient, path: str
) -> None:
    assert client.get(path).status_code == 404


def test_browser_gets_html_for_an_unknown_route(db: None, client: APIClient) -> None:
    response = client.get("/nope", headers={"accept": BROWSER})
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("accept", [None, "application/json", BROWSER], ids=["none", "api", "page"])
@pytest.mark.parametrize("path", ["/nope", "/metrics"])
def test_unknown_route_varies_by_accept(
    db: None, client: APIClient, path: str, accept: str | None
) -> None:
    response = client.get(path, headers={"accept": accept} if accept else None)
    assert (response.status_code, response["Vary"]) == (404, "Accept")
