"""The idempotency key of a command."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """Makes a command safe to repeat: the second run has the outcome of the first.

    Attributes:
        scope: the namespace of the key, at most 100 characters.
        key: as the client chose it, 1 to 255 characters.
        fingerprint: SHA-256 of the request, in hex. With the same key and another fingerprint a
            command is refused with ``IdempotencyKeyReused``.
    """

    scope: str
    key: str
    fingerprint: str
