"""The details of error responses, limited so that no error response is longer than 16 KiB."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

Body = dict[str, Any]

MAX_DETAILS = 50
MAX_ECHOED = 200
"""The number of characters to which text from the request is shortened."""


def shorten(text: str) -> str:
    """Return ``text``, or its first 199 characters and an ellipsis if it is longer than 200.

    Lone surrogates, which UTF-8 cannot encode, are replaced.
    """
    shown = text if len(text) <= MAX_ECHOED else text[: MAX_ECHOED - 1] + "\u2026"
    return shown.encode("utf-8", "replace").decode()


def list_details(detail: Any) -> Body:
    """Return DRF's nested messages as ``details``, and the number of those left out as ``more``.

    ``{"seats": ["..."]}`` becomes ``{"details": [{"path": "seats", "message": "..."}]}``.
    """
    messages = _flatten(detail)
    listed = [
        {"path": path, "message": shorten(message)}
        for path, message in islice(messages, MAX_DETAILS)
    ]
    more = sum(1 for _ in messages)
    return {"details": listed, "more": more} if more else {"details": listed}


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    # Messages under the key "" are about the containing object or list itself.
    if isinstance(detail, dict):
        for name, nested in detail.items():
            yield from _flatten(nested, ".".join(filter(None, (path, str(name)))))
    else:
        yield from ((path, str(message)) for message in detail)
