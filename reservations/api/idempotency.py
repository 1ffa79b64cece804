"""``Idempotency-Key``: what makes a POST safe to repeat."""

import json
import re
from hashlib import sha256
from typing import Any, ClassVar

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from reservations.api.views import JSONViewSet
from reservations.claims import refuse_reuse
from reservations.retry import Retry

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_UNIT = r'(?:[ !#-\[\]-~]|\\["\\])'
_QUOTED = re.compile(rf'"{_UNIT}*"')
KEY_PATTERN = (
    rf"^[ \t]*(?:[!#-~](?:[ -~]{{0,{MAX_LENGTH - 2}}}[!-~])?"
    rf'|"{_UNIT}{{1,{MAX_LENGTH}}}")[ \t]*$'
)
"""What ``parse_key`` accepts, as a regular expression for clients."""


class RetrySafe(JSONViewSet):
    """Views whose POSTs may be repeated with the same key."""

    scope: ClassVar[str]
    """Within which a key is unique."""
    retry: Retry | None = None
    """What the request's command has to carry."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Look at the key before any other condition."""
        super().initial(request, *args, **kwargs)
        if request.method != "POST" or self.action is None:
            return
        request.data  # noqa: B018 (refuses what is no JSON, whether the body is needed or not)
        header = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if header is not None:
            self.retry = Retry(
                scope=self.scope,
                key=parse_key(header),
                fingerprint=_fingerprint(request),
            )
            refuse_reuse(self.retry)


class InvalidKey(ValidationError):
    """The key is none."""

    FAULTS = (
        f"{HEADER} must have 1 to {MAX_LENGTH} characters",
        f"{HEADER} must be printable ASCII",
        f"{HEADER} must be a whole quoted string, or bare",
    )

    def __init__(self, fault: str) -> None:
        super().__init__({HEADER: [fault]})


def parse_key(header: str) -> str:
    """Return the key, which may be bare or a quoted string (RFC 9651).

    Raises:
        InvalidKey: it is empty, too long, or not printable.
    """
    length, unprintable, half_quoted = InvalidKey.FAULTS
    key = header.strip(" \t")
    if _QUOTED.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", key[1:-1])
    elif key.startswith('"'):
        raise InvalidKey(half_quoted)
    if not 1 <= len(key) <= MAX_LENGTH:
        raise InvalidKey(length)
    if not (key.isascii() and key.isprintable()):
        raise InvalidKey(unprintable)
    return key


def _fingerprint(request: Request) -> str:
    """Return a digest of what is asked: the same for bodies that mean the same JSON."""
    asked = [request.method, request.path.rstrip("/"), request.data]
    try:
        canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    except RecursionError as error:
        raise ParseError("Request body is nested too deeply") from error
    return sha256(canonical.encode()).hexdigest()
