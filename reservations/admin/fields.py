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
        if value:
            try:
                texts.check_name(value)
            except ValueError as error:
                raise ValidationError(str(error)) from error
