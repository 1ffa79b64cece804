"""What a request brings along to be safe to repeat."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What makes a command safe to repeat: its second run has the outcome of the first.

    A ``key`` is unique within its ``scope``. The ``fingerprint`` (SHA-256 in hex) tells whether
    the same was asked; if not, the command is refused with ``IdempotencyKeyReused``.
    """

    scope: str
    key: str
    fingerprint: str
