"""Request bodies and checks for /api/v1, whose errors have their own format."""

from typing import Any

import pytest

EVENTS = "/api/v1/events"
BOOKINGS = "/api/v1/bookings"
INVALID_NUMBERS: list[Any] = [
    "0",
    "-1",
    "x",
    pytest.param("", id="empty"),
    "1.0",
    "1e1",
    " 1",
    "+1",
    "10" * 10,
    pytest.param("9" * 5000, id="5000-digits"),
    "\u0661",
    "%00",
]
"""Query parameters that are not positive integers."""


def booking(*items: tuple[object, Any], email: Any = "user@example.com") -> dict[str, Any]:
    """Return a request body that books these items, each an event id and a quantity."""
    return {
        "customerEmail": email,
        "items": [{"eventId": event, "quantity": quantity} for event, quantity in items],
    }


def assert_invalid(response: Any, *errors: tuple[str, str]) -> None:
    """Check that the response is 400 with these errors, each a path and a message."""
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "ValidationError",
            "message": errors[0][1],
            "details": [{"path": path, "message": message} for path, message in errors],
        },
    )
