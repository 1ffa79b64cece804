"""Requests to the API, and answers that many of its routes have in common."""

import json
from datetime import datetime
from typing import Any

from rest_framework.test import APIClient

RESERVATION: dict[str, Any] = {"partnerId": "abc-corp", "seats": 3}
RESERVATION_NOT_FOUND = {
    "error": "Reservation not found or already cancelled",
    "code": "reservation_not_found",
}
BAD_IDS = [
    "x",
    "123",
    "0" * 32,
    "{00000000-0000-0000-0000-000000000000}",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-00000000000g",
    "00000000-0000-0000-0000-000000000000%0A",
    "%00",
    "%FF",
    "%ED%A0%80",
    "%F0%9F%92%BA",
    "x" * 3000,
]
"""Parts of a path that are no UUID."""


def post(
    client: APIClient,
    path: str,
    body: object = None,
    *,
    content_type: str = "application/json",
    **headers: str | None,
) -> Any:
    """Send ``body`` as JSON, bytes as they are; the header If-Match is called ``if_match``."""
    sent = {name.replace("_", "-"): text for name, text in headers.items() if text is not None}
    if body is None:
        return client.post(path, headers=sent)
    # In ASCII: a body may hold text that cannot be written in UTF-8.
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data, content_type=content_type, headers=sent)


def assert_invalid(answer: Any, *faults: tuple[str, str]) -> None:
    """The answer is 400 and names these faults, each a path and a message."""
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": faults[0][1],
            "code": "invalid",
            "details": [{"path": path, "message": message} for path, message in faults],
        },
    )


def iso(moment: datetime | None) -> str:
    """Return ``moment`` as an answer shows it."""
    assert moment
    return moment.isoformat().replace("+00:00", "Z")
