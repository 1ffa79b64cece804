"""The WSGI application, called without gunicorn."""

import gc
import io
import json
import sys
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.factories import EventFactory
from ticketboss import wsgi
from ticketboss.wsgi import application

pytestmark = pytest.mark.django_db(transaction=True)


def call(method: str, path: str, body: object = None, **headers: str) -> int:
    """Call the application and return the status of its response."""
    payload = json.dumps(body).encode() if body is not None else b""
    statuses: list[str] = []
    path_info, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(payload)),
        "wsgi.input": io.BytesIO(payload),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    response = application(environ, lambda status, headers: statuses.append(status))  # type: ignore[arg-type]
    # Now the response would be sent, to a client that may be slow.
    assert connection.connection is None
    list(response)
    response.close()  # type: ignore[attr-defined]
    return int(statuses[0][:3])


UNKNOWN_ID = "01890000-0000-7000-8000-000000000000"
SALE = {"partnerId": "p", "seats": 1, "eventId": "hot"}
BOOKING = {"customerEmail": "user@example.com", "items": [{"eventId": "hot", "quantity": 3}]}


def test_only_paths_without_parameters_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "_handler", handler := type(wsgi._handler)())
    for _ in range(2):
        assert call("GET", "/health") == 200
        assert call("GET", "/unknown") == 404
        assert call("GET", f"/reservations/{UUID(int=1)}") == 404
    assert [*handler._matches] == ["/health"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "headers"),
    [
        ("GET", "/", None, 200, {}),
        ("GET", "/api/schema", None, 200, {}),
        ("GET", "/api/v1/events", None, 200, {}),
        ("GET", "/api/v1/events?limit=101", None, 400, {}),
        ("POST", "/reservations", SALE, 201, {}),
        ("POST", "/reservations", SALE, 201, {"idempotency_key": "k"}),
        ("POST", "/reservations", SALE | {"holdSeconds": 60}, 201, {}),
        ("POST", "/reservations", SALE | {"seats": 10}, 409, {}),
        ("POST", "/reservations", SALE | {"seats": 0}, 400, {}),
        ("POST", "/reservations", SALE | {"eventId": "none"}, 404, {}),
        ("GET", "/reservations/none", None, 400, {}),
        ("DELETE", "/reservations", None, 405, {}),
        ("DELETE", f"/reservations/{UNKNOWN_ID}", None, 404, {}),
        ("GET", "/api/v1/events/hot", None, 304, {"if_none_match": "*"}),
        ("POST", "/api/v1/bookings", BOOKING, 409, {}),
    ],
    ids=[
        "home",
        "schema",
        "events",
        "events-invalid-limit",
        "reserve",
        "reserve-with-key",
        "hold",
        "reserve-too-many",
        "reserve-invalid",
        "reserve-unknown-event",
        "reservation-invalid-id",
        "method-not-allowed",
        "cancel-unknown",
        "event-not-modified",
        "book-too-many",
    ],
)
def test_request_leaves_no_reference_cycles(
    method: str, path: str, body: object, status: int, headers: dict[str, str]
) -> None:
    EventFactory.create(slug="hot", total_seats=2)
    Event.objects.filter(slug=DEFAULT_EVENT).delete()  # created by a migration, unless flushed
    EventFactory.create(slug=DEFAULT_EVENT)
    assert call(method, path, body, **headers) == status  # fills caches
    gc.collect()
    gc.disable()
    try:
        assert call(method, path, body, **headers) == status
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/events",
        "/api/v1/events/hot/changes",
        "/api/v1/bookings",
        f"/api/v1/bookings/{UNKNOWN_ID}",
        f"/reservations/{UNKNOWN_ID}",
        "/admin/login/",
    ],
)
def test_slow_reader_of_a_response_occupies_no_connection(path: str) -> None:
    EventFactory.create(slug="hot")
    assert call("GET", path, cookie="sessionid=none") in {200, 404}
