"""What the bookings family takes."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import EmailValidator
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from reservations.api.fields import Integer, QueryInteger, Text
from reservations.api.translation import parse
from reservations.api.v1.pagination import DEFAULT_LIMIT, MAX_LIMIT, PageQuery
from reservations.ledger.commands import BookingItem
from reservations.models import Booking

MAX_QUANTITY = 3
MAX_ITEMS = 20
MAX_EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_MAX_VERSION = 2**63 - 1
STATUSES = {status.upper(): status for status in Booking.Status.values}

_is_email = EmailValidator(allowlist=[])  # Not even localhost


@extend_schema_field({"type": "string", "format": "email", "maxLength": MAX_EMAIL_LENGTH})
class Email(Text):
    """An e-mail address, trimmed."""

    default_error_messages = {
        "required": "must be a valid email",
        "null": "must be a valid email",
        "invalid": "must be a valid email",
    }

    def to_internal_value(self, data: Any) -> str:
        """Return ``data`` if mail can be sent there."""
        address = super().to_internal_value(data).strip()
        # Quoted local parts may hold control characters, which no header may.
        if len(address) > MAX_EMAIL_LENGTH or not address.isprintable():
            self.fail("invalid")
        try:
            _is_email(address)
        except DjangoValidationError:
            self.fail("invalid")
        return address


class EventId(Text):
    """An event's id; whether there is such an event is for the ledger to say."""

    default_error_messages = {
        "required": "eventId must be a string",
        "null": "eventId must be a string",
        "invalid": "eventId must be a string",
    }


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY})
class Quantity(Integer):
    """Tickets for one event."""

    minimum, maximum = 1, MAX_QUANTITY
    default_error_messages = {
        "required": "quantity must be an integer",
        "null": "quantity must be an integer",
        "invalid": "quantity must be an integer",
        "too_few": "quantity must be at least 1",
        "too_many": f"maximum {MAX_QUANTITY} tickets per event per transaction",
    }


@extend_schema_serializer(component_name="BookingItemRequest")
class ItemRequest(serializers.Serializer[dict[str, Any]]):
    """Tickets for one event."""

    default_error_messages = {"invalid": "item must be an object"}

    eventId = EventId(source="event")
    quantity = Quantity(source="seats")


class Items(serializers.ListField):
    """1 to 20 items, no event twice; every fault of every item is told."""

    child = ItemRequest()
    default_error_messages = {
        "required": "at least one booking item is required",
        "null": "at least one booking item is required",
        "invalid": "items must be an array",
        "too_many": f"maximum {MAX_ITEMS} items per booking",
        "duplicate": "duplicate eventId in the same transaction is not allowed",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=1, max_length=MAX_ITEMS, **options)

    def to_internal_value(self, data: Any) -> list[BookingItem]:
        """Return the items."""
        if not isinstance(data, list):
            self.fail("invalid")
        if not data:
            self.fail("required")
        items, faults = _parse_items(data)
        whole = [self.error_messages[name] for name in _faults_of_the_whole(data)]
        if whole:
            faults[""] = whole
        if faults:
            raise ValidationError(faults)
        return items


def _parse_items(data: list[Any]) -> tuple[list[BookingItem], dict[str, Any]]:
    items: list[BookingItem] = []
    faults: dict[str, Any] = {}
    for number, each in enumerate(data):
        try:
            items.append(BookingItem(**parse(ItemRequest, each)))
        except ValidationError as error:
            faults[str(number)] = error.detail
    return items, faults


def _faults_of_the_whole(items: list[Any]) -> Iterator[str]:
    if len(items) > MAX_ITEMS:
        yield "too_many"
    events = list(_event_ids(items))
    if len(events) > len(set(events)):
        yield "duplicate"


def _event_ids(items: list[Any]) -> Iterator[str]:
    for item in items:
        event = item.get("eventId") if isinstance(item, dict) else None
        if isinstance(event, str):
            yield event


class BookingRequest(serializers.Serializer[dict[str, Any]]):
    """The body of POST /bookings."""

    customerEmail = Email(source="customer_email", help_text="Gets the confirmation")
    items = Items(help_text="No event twice")


class BookingsQuery(PageQuery):
    """The query string of GET /bookings."""

    email = Email(required=False, help_text="Bookings of this customer")
    status = serializers.ChoiceField(
        list(STATUSES),
        required=False,
        error_messages={"invalid_choice": f"must be one of {', '.join(STATUSES)}"},
        help_text="Bookings with this status",
    )
    eventId = Text(
        required=False,
        help_text="Bookings with an item of this event",
        error_messages={"invalid": "eventId must be a string"},
    )


class ChangesQuery(serializers.Serializer[Any]):
    """The query string of GET /events/{id}/changes."""

    after = QueryInteger(
        minimum=0,
        maximum=_MAX_VERSION,
        default=0,
        help_text="Changes after this version: the `next` of the answer before",
    )
    limit = QueryInteger(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
