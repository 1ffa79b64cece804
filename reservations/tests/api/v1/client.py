"""Requests to /api/v1, whose refusals have a form of their own."""

from typing import Any

EVENTS = "/api/v1/events"
BOOKINGS = "/api/v1/bookings"
BAD_NUMBERS = ["0", "-1", "x", "", "1.0", "1e1", " 1", "+1", "10" * 10, "9" * 5000, "\u0661", "%00"]
"""Parameters that are no number from 1 on."""


def booking(*items: tuple[object, Any], email: Any = "user@example.com") -> dict[str, Any]:
    """Return the body that books these items, each an event's id and a quantity."""
    return {
        "customerEmail": email,
        "items": [{"eventId": event, "quantity": quantity} for event, quantity in items],
    }


def assert_invalid(answer: Any, *faults: tuple[str, str]) -> None:
    """The answer is 400 and names these faults, each a path and a message."""
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "ValidationError",
            "message": faults[0][1],
            "details": [{"path": path, "message": message} for path, message in faults],
        },
    )
