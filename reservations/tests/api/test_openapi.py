"""The OpenAPI document: true, complete, and good for more than reading."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from reservations.api.reservations.fields import PARTNER_PATTERN, PartnerIdField
from reservations.models import Event
from reservations.tests.assertions import assert_inventory
from reservations.tests.commands import output_of
from reservations.tests.factories import reserve

DOCUMENT = Path(settings.BASE_DIR, "docs", "openapi.yaml")


def test_the_document_matches_the_code_without_a_warning() -> None:
    document = output_of("spectacular", "--validate", "--fail-on-warn")
    assert document == DOCUMENT.read_text(), "run `make openapi`"


def test_it_is_served_as_json_and_as_yaml(client: APIClient, slash: str) -> None:
    committed = yaml.safe_load(DOCUMENT.read_text())
    for accept, content_type in (
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("application/xml", "application/json"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi; charset=utf-8"),
    ):
        answer = client.get(f"/api/schema{slash}", headers={"accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
        assert yaml.safe_load(answer.content) == committed
    assert committed["openapi"].startswith("3.1.")


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize("query", ["format=bogus", "format=%00", "format=yaml", "version=9"])
def test_an_odd_query_string_is_no_crash(client: APIClient, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods(client: APIClient, path: str, method: str) -> None:
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_the_page_loads_nothing_from_elsewhere(client: APIClient, slash: str) -> None:
    answer = client.get(f"/api/docs{slash}", headers={"accept": "text/html"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "<script>" not in page
    [script] = re.findall(r'src="(/api/docs[^"]*)"', page)
    answer = client.get(script)
    assert answer["Content-Type"] == "application/javascript"
    assert "/api/schema" in answer.content.decode()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    return [(path, method, each) for path, item in paths.items() for method, each in item.items()]


def test_answers_have_headers_and_refusals_have_examples() -> None:
    assert len(operations()) == 15
    for path, method, operation in operations():
        assert {"operationId", "summary", "description"} <= operation.keys(), path
        for status, answer in operation["responses"].items():
            where = (path, method, status)
            assert answer["description"], where
            assert "X-Request-ID" in answer["headers"], where
            assert ("Retry-After" in answer["headers"]) == (status == "503"), where
            assert ("Location" in answer["headers"]) == (status == "201"), where
            tagged = status in {"200", "304"} and "304" in operation["responses"]
            assert ("ETag" in answer["headers"]) == tagged, where
            assert ("Idempotent-Replayed" in answer["headers"]) == (method == "post"), where
            if status >= "400":
                assert answer["content"]["application/json"]["examples"], where


@hypothesis_settings(deadline=None)
@given(st.text(st.characters(categories=["L", "Z", "Cc"]), max_size=6))
def test_the_pattern_of_a_partner_is_what_is_accepted(text: str) -> None:
    try:
        PartnerIdField().run_validation(text)
    except ValidationError:
        accepted = False
    else:
        accepted = True
    assert bool(re.search(PARTNER_PATTERN, text)) == accepted


@pytest.mark.parametrize(("length", "accepted"), [(99, True), (100, True), (101, False)])
@pytest.mark.parametrize("around", ["", " ", "\n\t", "\u3000"])
def test_the_pattern_and_the_length(length: int, accepted: bool, around: str) -> None:
    text = f"{around}{'x' * length}{around}"
    assert bool(re.search(PARTNER_PATTERN, text)) == accepted


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A client that a public generator made of the document."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.yaml"
    config.write_text("post_hooks: []\npackage_name_override: generated_client\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate"),
            *("--path", DOCUMENT, "--config", config, "--meta", "none", "--fail-on-warning"),
            *("--output-path", folder / "generated_client"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture
def call(generated: None) -> Callable[..., Any]:
    """Call an operation of a family with the generated client."""
    transport = httpx.WSGITransport(app=get_wsgi_application())
    client = import_module("generated_client").Client(
        "http://testserver", httpx_args={"transport": transport}, raise_on_unexpected_status=True
    )

    def call(name: str, *arguments: Any, family: str = "reservations", **named: Any) -> Any:
        operation = import_module(f"generated_client.api.{family}.{name}")
        return operation.sync(*arguments, client=client, **named)

    return call


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_makes_a_reservation(call: Callable[..., Any], event: Event) -> None:
    models = import_module("generated_client.models")
    wanted = models.ReservationRequest(partner_id="abc-corp", seats=3)
    reserved = call("reserve", body=wanted)
    assert (reserved.seats, reserved.status) == (3, "confirmed")
    assert_inventory(event, available=7, version=1, reservations=1)

    seen = call("get_reservation", reserved.reservation_id)
    assert (seen.partner_id, seen.expires_at) == ("abc-corp", None)
    assert call("get_summary").available_seats == 7

    denied = call("reserve", body=models.ReservationRequest(partner_id="abc-corp", seats=8))
    assert isinstance(denied, models.NotEnoughSeats)
    assert (denied.requested, denied.available_seats) == (8, 7)

    call("cancel_reservation", reserved.reservation_id)
    assert_inventory(event, available=10, version=2, reservations=0)


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_holds_and_confirms(call: Callable[..., Any], event: Event) -> None:
    models = import_module("generated_client.models")
    wanted = models.ReservationRequest(partner_id="abc-corp", seats=3, hold_seconds=60)
    held = call("reserve", body=wanted, idempotency_key="k")
    assert (held.status, held.expires_at > datetime.now(UTC)) == ("held", True)
    assert call("reserve", body=wanted, idempotency_key="k").reservation_id == held.reservation_id
    assert call("confirm_reservation", held.reservation_id).status == "confirmed"
    assert_inventory(event, available=7, version=2, reservations=1)


@pytest.mark.django_db(transaction=True)
def test_a_generated_client_books(call: Callable[..., Any], event: Event) -> None:
    models = import_module("generated_client.models")

    def bookings(name: str, *arguments: Any, **named: Any) -> Any:
        return call(name, *arguments, family="bookings", **named)

    def wanted(quantity: int) -> Any:
        item = models.BookingItemRequest(event_id=event.slug, quantity=quantity)
        return models.BookingRequest(customer_email="ada@example.com", items=[item])

    booked = bookings("book", body=wanted(2)).data
    assert (booked.status, booked.total_tickets, booked.items[0].event_name) == (
        "CONFIRMED",
        2,
        "Node.js Meet-up",
    )
    assert [each.id for each in bookings("list_bookings").data] == [booked.id]
    assert bookings("cancel_booking", booked.id).data.status == "CANCELLED"
    again = bookings("cancel_booking", booked.id)
    assert again.error == "BookingAlreadyCancelled"
    reserve(event, seats=9)
    denied = bookings("book", body=wanted(3))
    assert isinstance(denied, models.InsufficientSeats)
    assert (denied.items[0].requested, denied.items[0].available) == (3, 1)
    page = call("list_changes", event.slug, family="events", after=1, limit=1)
    assert ([change.kind for change in page.data], page.next_) == (["cancelled"], 2)
    assert call("get_event", event.slug, family="events").data.version == 3
