"""Helpers that send requests to the API, and check its responses."""

import json
from datetime import datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

RESERVATION: dict[str, Any] = {"partnerId": "abc-corp", "seats": 3}
RESERVATION_NOT_FOUND = {
    "error": "Reservation not found or already cancelled",
    "code": "reservation_not_found",
}
INVALID_IDS: list[Any] = [
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
    pytest.param("x" * 3000, id="3000-characters"),
]
"""Path segments that are not valid UUIDs."""


def post(
    client: APIClient,
    path: str,
    body: object = None,
    *,
    content_type: str = "application/json",
    **headers: str | None,
) -> Any:
    """Send a POST request.

    Args:
        client: the client to use.
        path: the URL path.
        body: encoded as JSON, unless it is bytes; None sends no body.
        content_type: of the body.
        headers: by name with underscores, for example ``if_match``; None omits the header.
    """
    sent = {name.replace("_", "-"): text for name, text in headers.items() if text is not None}
    if body is None:
        return client.post(path, headers=sent)
    # json.dumps escapes non-ASCII text, including lone surrogates, which UTF-8 cannot encode.
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data, content_type=content_type, headers=sent)


def assert_invalid(response: Any, *errors: tuple[str, str]) -> None:
    """Check that the response is 400 with these errors, each a path and a message."""
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": errors[0][1],
            "code": "invalid",
            "details": [{"path": path, "message": message} for path, message in errors],
        },
    )


def iso(moment: datetime | None) -> str:
    """Return ``moment`` in the format of the API."""
    assert moment
    return moment.isoformat().replace("+00:00", "Z")
