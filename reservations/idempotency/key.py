"""The idempotency key of a command."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """Makes a command safe to repeat: repeated commands get the outcome of the first one.

    Attributes:
        scope: the namespace of the key, at most 100 characters.
        key: the client's key, 1 to 255 characters.
        fingerprint: SHA-256 of the request, in hex. A command with the same key and another
            fingerprint is refused with ``IdempotencyKeyReused``.
    """

    scope: str
    key: str
    fingerprint: str
