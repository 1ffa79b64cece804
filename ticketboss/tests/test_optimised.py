"""``python -O`` and ``-OO``, which remove assertions and docstrings."""

from http.client import HTTPConnection
from pathlib import Path

import pytest

from ticketboss.tests.programs import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

UNKNOWN = "01890000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
PAGE = {"Accept": "text/html"}
KEY = JSON | {"Idempotency-Key": "k"}
ITEM = '{"eventId": "node-meetup-2025", "quantity": 4}'
REQUESTS: list[tuple[str, str, str, dict[str, str]]] = [
    ("GET", "/api/schema", "", {}),
    ("GET", "/api/schema?format=json", "", {}),
    ("GET", "/api/docs", "", {}),
    ("GET", "/", "", {}),
    ("GET", "/", "", PAGE),
    ("GET", "/nowhere", "", PAGE),
    ("GET", "/health", "", {}),
    ("GET", "/ready", "", {}),
    ("GET", "/reservations", "", {}),
    ("GET", "/reservations?eventId=none", "", {}),
    ("OPTIONS", "/reservations", "", {}),
    ("PUT", "/reservations", "{}", JSON),
    ("POST", "/reservations", "{", JSON),
    ("POST", "/reservations", "{}", JSON),
    ("POST", "/reservations", "x", {"Content-Type": "text/plain"}),
    ("POST", "/reservations", '{"partnerId": " ", "seats": 11}', JSON),
    ("POST", "/reservations", '{"partnerId": "a", "seats": 1, "eventId": "b"}', KEY),
    ("POST", "/reservations", '{"partnerId": "a", "seats": 2, "eventId": "b"}', KEY),
    ("POST", f"/reservations/{UNKNOWN}/confirm", "", {}),
    ("DELETE", f"/reservations/{UNKNOWN}", "", {}),
    ("GET", "/api/v1/events", "", {}),
    ("GET", "/api/v1/events/none", "", {}),
    ("GET", "/api/v1/bookings?page=0", "", {}),
    ("GET", f"/api/v1/bookings/{UNKNOWN}", "", {}),
    ("DELETE", f"/api/v1/bookings/{UNKNOWN}", "", {}),
    ("POST", "/api/v1/bookings", f'{{"customerEmail": "a", "items": [{ITEM}]}}', JSON),
]


def answers(home: Path, optimised: str) -> list[tuple[int, bytes]]:
    """Return the statuses and the bodies of the responses to all requests."""
    with ServerProcess(home, PYTHONOPTIMIZE=optimised) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        found = []
        for method, path, body, headers in REQUESTS:
            connection.request(method, path, body, headers | {"Host": "localhost"})
            response = connection.getresponse()
            found.append((response.status, response.read()))
        connection.close()
        assert server.stop() == 0
    return found


def test_optimised_python_changes_no_answer(migrated_home: Path) -> None:
    expected = answers(migrated_home, "")
    assert all(status < 500 for status, _ in expected)
    assert any(b"Maximum 10 seats per request" in body for _, body in expected)
    assert answers(migrated_home, "1") == expected
    assert answers(migrated_home, "2") == expected
