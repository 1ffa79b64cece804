"""Fields of the reservations family's own."""

import unicodedata
from typing import Any

from drf_spectacular.utils import extend_schema_field

from reservations.api.fields import StrictCharField

MAX_PARTNER_LENGTH = 100

_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_VISIBLE = f"[^{_CONTROL}{_BLANK}]"
PARTNER_PATTERN = (
    f"^[{_BLANK}]*{_VISIBLE}([^{_CONTROL}]{{0,{MAX_PARTNER_LENGTH - 2}}}{_VISIBLE})?[{_BLANK}]*$"
)
"""What ``PartnerIdField`` accepts, as a regular expression for clients."""


@extend_schema_field({"type": "string", "pattern": PARTNER_PATTERN})
class PartnerIdField(StrictCharField):
    """A partner's id: 1 to 100 characters after trimming, all of them storable and printable."""

    default_error_messages = {
        "too_long": f"Partner ID must be at most {MAX_PARTNER_LENGTH} characters",
        "unprintable": "Partner ID must not contain control characters",
    }

    def __init__(self, **options: Any) -> None:
        missing = dict.fromkeys(("required", "null"), "Partner ID is required")
        super().__init__(subject="Partner ID", error_messages=missing, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` trimmed, if it can name a partner."""
        partner = super().to_internal_value(data).strip()
        if not partner:
            self.fail("required")
        if len(partner) > MAX_PARTNER_LENGTH:
            self.fail("too_long")
        # Most are printable throughout, which is quick to tell.
        if not partner.isprintable() and any(map(_is_refused, partner)):
            self.fail("unprintable")
        return partner


def _is_refused(character: str) -> bool:
    # Cc: control characters. Cs: lone surrogates, which no encoding can store.
    return unicodedata.category(character) in {"Cc", "Cs"}
