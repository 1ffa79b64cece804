"""Form fields of the admin."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from reservations import texts


class NameField(forms.CharField):
    """A name, trimmed and in NFC; rejects characters that are invisible, or reorder the text."""

    def to_python(self, value: Any) -> Any:
        """Return the name in NFC, or the empty value."""
        text = super().to_python(value)
        return texts.normalise(text) if text else text

    def validate(self, value: Any) -> None:
        """Reject forbidden characters, and names without a visible one.

        Raises:
            ValidationError: the name must be typed again.
        """
        super().validate(value)
        if value and texts.has_forbidden_characters(value):
            raise ValidationError(
                "Remove line breaks, control characters and invisible characters, "
                "or type the text again instead of pasting it."
            )
        if value and texts.is_blank(value):
            raise ValidationError("Enter at least one visible character.")
