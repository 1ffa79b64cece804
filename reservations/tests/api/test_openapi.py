"""The OpenAPI document: up to date, complete, and usable by a client generator."""

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
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from reservations.api.partner_id import PARTNER_PATTERN, PartnerIdField
from reservations.models import Change, Event
from reservations.tests.assertions import assert_inventory
from reservations.tests.commands import output_of
from reservations.tests.factories import reserve

DOCUMENT = Path(settings.BASE_DIR, "docs", "openapi.yaml")


def test_committed_document_matches_the_code(keys: None) -> None:
    document = output_of("spectacular", "--validate", "--fail-on-warn")
    assert document == DOCUMENT.read_text(), "run `make openapi`"


def test_document_is_served_as_json_and_as_yaml(keys: None, client: APIClient, slash: str) -> None:
    committed = yaml.safe_load(DOCUMENT.read_text())
    for accept, content_type in (
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("application/xml", "application/json"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi", "application/vnd.oai.openapi; charset=utf-8"),
    ):
        response = client.get(f"/api/schema{slash}", headers={"accept": accept})
        assert (response.status_code, response["Content-Type"]) == (200, content_type)
        assert yaml.safe_load(response.content) == committed
    assert committed["openapi"].startswith("3.1.")


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize("query", ["format=bogus", "format=%00", "format=yaml", "version=9"])
def test_schema_and_docs_accept_any_query_string(client: APIClient, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_other_methods_are_not_allowed(client: APIClient, path: str, method: str) -> None:
    response = getattr(client, method)(path)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in response["Allow"]


def test_docs_page_loads_nothing_from_other_hosts(client: APIClient, slash: str) -> None:
    response = client.get(f"/api/docs{slash}", headers={"accept": "text/html"})
    page = response.content.decode()
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "<script>" not in page
    [script] = re.findall(r'src="(/api/docs[^"]*)"', page)
    response = client.get(script)
    assert response["Content-Type"] == "application/javascript"
    assert "/api/schema" in response.content.decode()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    return [(path, method, each) for path, item in paths.items() for method, each in item.items()]


def test_operations_document_headers_and_error_examples() -> None:
    assert len(operations()) == 17
    for path, method, operation in operations():
        assert {"operationId", "summary", "description"} <= operation.keys(), path
        for status, response in operation["responses"].items():
            where = (path, method, status)
            assert response["description"], where
            assert "X-Request-ID" in response["headers"], where
            assert ("Retry-After" in response["headers"]) == (status == "503"), where
            assert ("Location" in response["headers"]) == (status == "201"), where
            tagged = status in {"200", "304"} and "304" in operation["responses"]
            assert ("ETag" in response["headers"]) == tagged, where
            assert ("Idempotent-Replayed" in response["headers"]) == (method == "post"), where
            if status >= "400":
                assert response["content"]["application/json"]["examples"], where


@given(st.text(st.characters(categories=["L", "Z", "Cc", "Cf", "So"]), max_size=6))
def test_documented_partner_pattern_matches_accepted_text(text: str) -> None:
    try:
        PartnerIdField().run_validation(text)
    except ValidationError:
        accepted = False
    else:
        accepted = True
    assert bool(re.search(PARTNER_PATTERN, text)) == accepted


@pytest.mark.parametrize(("length", "accepted"), [(99, True), (100, True), (101, False)])
@pytest.mark.parametrize(
    "around", ["", " ", "\n\t", "\u3000"], ids=["bare", "space", "newline-tab", "wide-space"]
)
def test_partner_pattern_limits_the_trimmed_length(
    length: int, accepted: bool, around: str
) -> None:
    text = f"{around}{'x' * length}{around}"
    assert bool(re.search(PARTNER_PATTERN, text)) == accepted


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Generate the package ``generated_client`` from the document, and make it importable."""
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


def test_generated_client_accepts_a_new_kind_of_change(generated: None) -> None:
    change = {
        "version": 1,
        "kind": "paused",
        "seats": 0,
        "availableSeats": 10,
        "reservationId": None,
        "at": "2026-11-21T13:26:48.053561Z",
    }
    assert import_module("generated_client.models").Change.from_dict(change).kind == "paused"


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("Error", {"error": "Sales are paused", "code": "sales_paused"}),
        ("V1Error", {"error": "SalesPaused", "message": "Sales are paused"}),
        ("Invalid", {"error": "No", "code": "forbidden", "details": [], "more": 1}),
    ],
)
def test_generated_client_accepts_a_new_error_code(
    generated: None, model: str, body: dict[str, Any]
) -> None:
    models = import_module("generated_client.models")
    assert getattr(models, model).from_dict(body).to_dict() == body


def test_document_lists_the_kinds_and_codes_as_open_enums() -> None:
    schemas = yaml.safe_load(DOCUMENT.read_text())["components"]["schemas"]
    kinds = schemas["ChangeKind"]
    assert (kinds["x-extensible-enum"], "enum" in kinds) == (Change.Kind.values, False)
    for schema, name, value in (
        ("Error", "code", "busy"),
        ("NotEnoughSeats", "code", "not_enough_seats"),
        ("Invalid", "code", "invalid"),
        ("SalesPaused", "code", "sales_paused"),
        ("V1NotOnSale", "error", "NotOnSale"),
        ("V1Error", "error", "BookingNotFound"),
        ("InsufficientSeats", "error", "InsufficientSeats"),
    ):
        code = schemas[schema]["properties"][name]
        assert code["type"] == "string"
        assert value in code["x-extensible-enum"]
        assert "enum" not in code


@pytest.fixture
def call(generated: None) -> Callable[..., Any]:
    """Return a function that calls an operation with the generated client."""
    transport = httpx.WSGITransport(app=get_wsgi_application())
    client = import_module("generated_client").Client(
        "http://testserver", httpx_args={"transport": transport}, raise_on_unexpected_status=True
    )

    def call(name: str, *arguments: Any, family: str = "reservations", **named: Any) -> Any:
        operation = import_module(f"generated_client.api.{family}.{name}")
        return operation.sync(*arguments, client=client, **named)

    return call


@pytest.mark.django_db(transaction=True)
def test_generated_client_makes_and_cancels_a_reservation(
    call: Callable[..., Any], event: Event
) -> None:
    models = import_module("generated_client.models")
    request = models.ReservationRequest(partner_id="abc-corp", seats=3)
    reserved = call("reserve", body=request)
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
def test_generated_client_makes_and_confirms_a_hold(call: Callable[..., Any], event: Event) -> None:
    models = import_module("generated_client.models")
    request = models.ReservationRequest(partner_id="abc-corp", seats=3, hold_seconds=60)
    held = call("reserve", body=request, idempotency_key="k")
    assert (held.status, held.expires_at > datetime.now(UTC)) == ("held", True)
    assert call("reserve", body=request, idempotency_key="k").reservation_id == held.reservation_id
    assert call("confirm_reservation", held.reservation_id).status == "confirmed"
    assert_inventory(event, available=7, version=2, reservations=1)


@pytest.mark.django_db(transaction=True)
def test_generated_client_makes_and_cancels_a_booking(
    call: Callable[..., Any], event: Event
) -> None:
    models = import_module("generated_client.models")

    def bookings(name: str, *arguments: Any, **named: Any) -> Any:
        return call(name, *arguments, family="bookings", **named)

    def request_for(quantity: int) -> Any:
        item = models.BookingItemRequest(event_id=event.slug, quantity=quantity)
        return models.BookingRequest(customer_email="ada@example.com", items=[item])

    booked = bookings("book", body=request_for(2)).data
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
    denied = bookings("book", body=request_for(3))
    assert isinstance(denied, models.InsufficientSeats)
    assert (denied.items[0].requested, denied.items[0].available) == (3, 1)
    page = call("list_changes", event.slug, family="events", after=1, limit=1)
    assert ([change.kind for change in page.data], page.next_) == (["cancelled"], 2)
    assert call("get_event", event.slug, family="events").data.version == 3
