"""The id of a partner in bodies and query strings."""

from typing import Any

from drf_spectacular.utils import extend_schema_field

from reservations import texts
from reservations.api.fields import StrictCharField
from reservations.models import MAX_PARTNER_ID_LENGTH

# Control and format characters, separators of lines, and fillers that are never visible.
_FORBIDDEN = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    r"\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
_BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_VISIBLE = f"[^{_FORBIDDEN}{_BLANK}]"
_BETWEEN = f"[^{_FORBIDDEN}]{{0,{MAX_PARTNER_ID_LENGTH - 2}}}"
PARTNER_PATTERN = f"^[{_BLANK}]*{_VISIBLE}({_BETWEEN}{_VISIBLE})?[{_BLANK}]*$"
"""A regular expression for the OpenAPI document; matches what ``PartnerIdField`` accepts, except
that it counts characters before they are normalised to NFC, and does not exclude lone surrogates
and text that consists of combining marks."""


@extend_schema_field({"type": "string", "pattern": PARTNER_PATTERN})
class PartnerIdField(StrictCharField):
    """A partner id: 1 to 100 characters, trimmed and in NFC, none of them forbidden."""

    default_error_messages = {
        "too_long": f"Partner ID must be at most {MAX_PARTNER_ID_LENGTH} characters",
        "unprintable": "Partner ID must not contain control characters",
    }

    def __init__(self, **options: Any) -> None:
        missing = dict.fromkeys(("required", "null"), "Partner ID is required")
        super().__init__(subject="Partner ID", error_messages=missing, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` trimmed and in NFC; reject it unless it is a partner id."""
        partner = texts.normalise(super().to_internal_value(data))
        if texts.is_blank(partner):
            self.fail("required")
        if len(partner) > MAX_PARTNER_ID_LENGTH:
            self.fail("too_long")
        if texts.has_forbidden_characters(partner):
            self.fail("unprintable")
        return partner
