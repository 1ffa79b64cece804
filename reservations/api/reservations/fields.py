"""Fields of the reservations API only."""

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
"""A regular expression for the OpenAPI document; matches what ``PartnerIdField`` accepts, except
that it does not exclude lone surrogates."""


@extend_schema_field({"type": "string", "pattern": PARTNER_PATTERN})
class PartnerIdField(StrictCharField):
    """A partner id: 1 to 100 characters after trimming, no control characters or surrogates."""

    default_error_messages = {
        "too_long": f"Partner ID must be at most {MAX_PARTNER_LENGTH} characters",
        "unprintable": "Partner ID must not contain control characters",
    }

    def __init__(self, **options: Any) -> None:
        missing = dict.fromkeys(("required", "null"), "Partner ID is required")
        super().__init__(subject="Partner ID", error_messages=missing, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` without surrounding whitespace; reject it unless it is a partner id."""
        partner = super().to_internal_value(data).strip()
        if not partner:
            self.fail("required")
        if len(partner) > MAX_PARTNER_LENGTH:
            self.fail("too_long")
        # Most ids are entirely printable, which is fast to check.
        if not partner.isprintable() and any(map(_is_forbidden, partner)):
            self.fail("unprintable")
        return partner


def _is_forbidden(character: str) -> bool:
    # Cc: control characters. Cs: lone surrogates, which UTF-8 cannot encode.
    return unicodedata.category(character) in {"Cc", "Cs"}
