"""The header ``Idempotency-Key``, which makes a POST safe to repeat."""

import json
import re
from hashlib import sha256
from typing import Any, ClassVar

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from reservations.api.views import BaseViewSet
from reservations.idempotency.key import IdempotencyKey
from reservations.idempotency.store import refuse_reuse

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_UNIT = r'(?:[ !#-\[\]-~]|\\["\\])'
_QUOTED = re.compile(rf'"{_UNIT}*"')
KEY_PATTERN = (
    rf"^[ \t]*(?:[!#-~](?:[ -~]{{0,{MAX_LENGTH - 2}}}[!-~])?"
    rf'|"{_UNIT}{{1,{MAX_LENGTH}}}")[ \t]*$'
)
"""What ``parse_key`` accepts, as a regular expression for clients."""


class IdempotentViewSet(BaseViewSet):
    """Views whose POSTs may be repeated with the same key."""

    scope: ClassVar[str]
    """The namespace of the keys."""
    idempotency_key: IdempotencyKey | None = None
    """For the request's command."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the key before any other condition."""
        super().initial(request, *args, **kwargs)
        if request.method != "POST" or self.action is None:
            return
        request.data  # noqa: B018 (refuses what is no JSON, whether the body is needed or not)
        header = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if header is not None:
            self.idempotency_key = IdempotencyKey(
                scope=self.scope,
                key=parse_key(header),
                fingerprint=_fingerprint(request),
            )
            refuse_reuse(self.idempotency_key)


class InvalidKey(ValidationError):
    """The header holds no valid key."""

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
