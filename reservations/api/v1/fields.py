"""Fields of the bookings API only."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from reservations import email_addresses
from reservations.api.fields import Messages, StrictCharField
from reservations.models import Booking

MAX_ITEMS = 20
STATUSES = {status.upper(): status for status in Booking.Status.values}
"""The model's statuses by their names in the API."""


@extend_schema_field({"type": "string", "format": "email", "maxLength": email_addresses.MAX_LENGTH})
class EmailField(StrictCharField):
    """An e-mail address, as it was typed but trimmed."""

    def __init__(self, **options: Any) -> None:
        messages = dict.fromkeys(("required", "null", "invalid"), "must be a valid email")
        super().__init__(subject="email", error_messages=messages, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the trimmed address; reject it unless it is valid."""
        address = super().to_internal_value(data).strip()
        if email_addresses.to_ascii(address) is None:
            self.fail("invalid")
        return address


class StatusField(serializers.ChoiceField):
    """A booking's status, in upper case."""

    def __init__(self, **options: Any) -> None:
        messages: Messages = {"invalid_choice": f"must be one of {', '.join(STATUSES)}"}
        super().__init__(list(STATUSES), error_messages=messages, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the model's status."""
        return STATUSES[super().to_internal_value(data)]

    def to_representation(self, value: str) -> str:
        """Return ``value`` in upper case."""
        return value.upper()


class ItemsField(serializers.ListField):
    """1 to 20 items, each event at most once; reports all errors of all items.

    Of a longer list, only its length is reported, so that it costs no more than a short one.
    """

    default_error_messages = {
        "required": "at least one booking item is required",
        "null": "at least one booking item is required",
        "invalid": "items must be an array",
        "too_many": f"maximum {MAX_ITEMS} items per booking",
        "duplicate": "duplicate eventId in the same transaction is not allowed",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=MAX_ITEMS, **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the validated items, in order; reject them with all errors."""
        self._check_length(data)
        items: list[Any] = []
        errors: dict[Any, Any] = {}
        try:
            items = self.run_child_validation(data)
        except ValidationError as error:
            errors = dict(error.detail)  # type: ignore[arg-type]
        events = [event for event in map(_event_id, data) if event is not None]
        if len(events) > len(set(events)):
            errors[""] = [self.error_messages["duplicate"]]
        if errors:
            raise ValidationError(errors)
        return items

    def _check_length(self, data: Any) -> None:
        if not isinstance(data, list):
            self.fail("invalid")
        if not data:
            self.fail("required")
        if len(data) > MAX_ITEMS:
            self.fail("too_many")


def _event_id(item: Any) -> str | None:
    event = item.get("eventId") if isinstance(item, dict) else None
    return event if isinstance(event, str) else None
