"""The application as gunicorn calls it, without gunicorn."""

import gc
import io
import json
import sys
from typing import Any
from uuid import uuid4

import pytest

from reservations.models import DEFAULT_EVENT, Event
from reservations.tests.factories import EventFactory
from ticketboss.wsgi import application

pytestmark = pytest.mark.django_db(transaction=True)


def ask(method: str, path: str, body: object = None, **headers: str) -> int:
    """Send one request, and return the status of the answer."""
    sent = json.dumps(body).encode() if body is not None else b""
    statuses: list[str] = []
    path_info, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(sent)),
        "wsgi.input": io.BytesIO(sent),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper()}": text for name, text in headers.items()},
    }
    answer = application(environ, lambda status, headers: statuses.append(status))  # type: ignore[arg-type]
    list(answer)
    answer.close()  # type: ignore[attr-defined]
    return int(statuses[0][:3])


SALE = {"partnerId": "p", "seats": 1, "eventId": "hot"}
BOOKING = {"customerEmail": "user@example.com", "items": [{"eventId": "hot", "quantity": 3}]}


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
        ("DELETE", f"/reservations/{uuid4()}", None, 404, {}),
        ("GET", "/api/v1/events/hot", None, 304, {"if_none_match": "*"}),
        ("POST", "/api/v1/bookings", BOOKING, 409, {}),
    ],
)
def test_a_request_leaves_nothing_to_the_garbage_collector(
    method: str, path: str, body: object, status: int, headers: dict[str, str]
) -> None:
    """Nothing it made refers to itself in a circle."""
    EventFactory.create(slug="hot", total_seats=2)
    Event.objects.filter(slug=DEFAULT_EVENT).delete()  # the migration's, if none has flushed it
    EventFactory.create(slug=DEFAULT_EVENT)
    assert ask(method, path, body, **headers) == status  # what is made once
    gc.collect()
    gc.disable()
    try:
        assert ask(method, path, body, **headers) == status
        assert gc.collect() == 0
    finally:
        gc.enable()
