"""The ``Idempotency-Key`` header, which makes a POST safe to repeat."""

import re
from hashlib import sha256
from typing import Any, ClassVar, cast

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from reservations.api import strict_json
from reservations.api.views import BaseViewSet
from reservations.idempotency.key import IdempotencyKey
from reservations.idempotency.store import refuse_reuse

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_Body = dict[str, Any] | None
_UNIT = r'(?:[ !#-\[\]-~]|\\["\\])'
_QUOTED = re.compile(rf'"{_UNIT}*"')
KEY_PATTERN = (
    rf"^[ \t]*(?:[!#-~](?:[ -~]{{0,{MAX_LENGTH - 2}}}[!-~])?"
    rf'|"{_UNIT}{{1,{MAX_LENGTH}}}")[ \t]*$'
)
"""A regular expression for the OpenAPI document; matches exactly what ``parse_key`` accepts."""


class IdempotentViewSet(BaseViewSet):
    """A viewset whose POST requests can safely be repeated with the same key."""

    scope: ClassVar[str]
    """The namespace of the keys if the API is open. Otherwise, each partner has one."""
    anonymous_actor: ClassVar[str]
    """The actor of changes if the API is open."""
    idempotency_key: IdempotencyKey | None = None
    """The key of the request, to pass on to its command; None without the header."""
    body: _Body = None
    """The JSON object in the body of a POST; None without a body, or if it is null."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Parse the body and check the key before the view validates the request.

        Raises:
            ParseError: the body is malformed.
            InvalidKey: the header does not contain a valid key.
            IdempotencyKeyReused: the key was used for another request.
        """
        super().initial(request, *args, **kwargs)
        if request.method != "POST" or self.action is None:
            return
        # Rejects invalid JSON even if the body is not needed.
        self.body = None if request.stream is None else cast("_Body", request.data)
        header = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if header is not None:
            self.idempotency_key = IdempotencyKey(
                scope=f"partner:{self.caller.partner}" if self.caller else self.scope,
                key=parse_key(header),
                fingerprint=fingerprint(request.method or "", request.path, self.body),
            )
            refuse_reuse(self.idempotency_key)

    @property
    def actor(self) -> str:
        """Return the actor of the changes that the request causes."""
        return str(self.caller or self.anonymous_actor)


class InvalidKey(ValidationError):
    """The header does not contain a valid key."""

    MESSAGES = (
        f"{HEADER} must have 1 to {MAX_LENGTH} characters",
        f"{HEADER} must be printable ASCII",
        f"{HEADER} must be unquoted or a complete quoted string",
    )

    def __init__(self, message: str) -> None:
        super().__init__({HEADER: [message]})


def parse_key(header: str) -> str:
    """Return the key, which may be unquoted or a quoted string (RFC 9651).

    Raises:
        InvalidKey: the key is empty, too long, not printable ASCII, or an incomplete quoted string.
    """
    length, unprintable, half_quoted = InvalidKey.MESSAGES
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


def fingerprint(method: str, path: str, body: _Body) -> str:
    """Return a digest of the request, the same for any notation of its JSON.

    A missing body counts as ``{}``. Requests whose bodies have the same digest result in the same
    command. Changing the digest of a body would refuse repeated requests during an upgrade.
    """
    canonical = strict_json.encode_canonically([method, path.rstrip("/"), body or {}])
    return sha256(canonical.encode()).hexdigest()
