"""Database constraints reject impossible rows, each under its own name."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from reservations.models import Booking, BookingMail, Change, IdempotencyRecord, Reservation
from reservations.tests.factories import EventFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def values_id(value: object) -> str | None:
    """Return a readable id for a parameter that is a dict."""
    if not isinstance(value, dict):
        return None
    return ",".join(f"{name}={each}" for name, each in value.items())


def assert_rejected(constraint: str, row: Model) -> None:
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        row.save(force_insert=row._state.adding)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("event_available_seats_not_negative", {"available_seats": -1}),
        ("event_available_and_held_seats_within_total", {"available_seats": 11}),
        ("event_available_and_held_seats_within_total", {"available_seats": 9, "held_seats": 2}),
        ("event_held_seats_not_negative", {"held_seats": -1}),
        ("event_reservation_count_within_sold", {"reservation_count": 1}),
        (
            "event_reservation_count_within_sold",
            {"available_seats": 9, "held_seats": 1, "reservation_count": 1},
        ),
        ("event_reservation_count_within_sold", {"reservation_count": -1}),
        ("event_version_not_negative", {"version": -1}),
        ("event_slug_url_safe", {"slug": "two words"}),
        ("event_slug_url_safe", {"slug": ""}),
        ("event_slug_unique", {"slug": "taken"}),
        ("event_sales_close_after_opening", {"sales_open_at": NOW, "sales_close_at": NOW}),
    ],
    ids=values_id,
)
def test_impossible_event_is_rejected(constraint: str, values: dict[str, Any]) -> None:
    EventFactory.create(slug="taken")
    event = EventFactory.create()
    for name, value in values.items():
        setattr(event, name, value)
    assert_rejected(constraint, event)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("reservation_seats_positive", {"seats": 0}),
        ("reservation_status_fits_expiry", {"status": "maybe"}),
        ("reservation_status_fits_expiry", {"status": "held"}),
        ("reservation_status_fits_expiry", {"status": "expired"}),
        ("reservation_status_fits_expiry", {"expires_at": NOW}),
        ("reservation_of_a_booking_is_no_hold", {"status": "held", "expires_at": NOW}),
    ],
    ids=values_id,
)
def test_impossible_reservation_is_rejected(constraint: str, values: dict[str, Any]) -> None:
    booking = Booking.objects.create(customer_email="", status="confirmed", created_at=NOW)
    fields = {"event": EventFactory.create(), "partner": "p", "seats": 1, "status": "confirmed"}
    if "booking" in constraint:
        values["booking"] = booking
    assert_rejected(constraint, Reservation(**fields | values))


def test_booking_with_unknown_status_is_rejected(db: None) -> None:
    booking = Booking(customer_email="", status="held", created_at=NOW)
    assert_rejected("booking_status_known", booking)


def test_erased_booking_keeps_no_form_of_the_address(db: None) -> None:
    booking = Booking(canonical_email="a@b.example", status="confirmed", created_at=NOW)
    assert_rejected("booking_both_emails_erased", booking)


def test_booking_has_one_record_of_each_mail(db: None) -> None:
    booking = Booking.objects.create(status="confirmed", created_at=NOW)
    BookingMail.objects.create(booking=booking, kind="booked", at=NOW)
    assert_rejected("bookingmail_unique", BookingMail(booking=booking, kind="booked", at=NOW))


def test_idempotency_key_is_unique_within_its_scope(db: None) -> None:
    for scope in ("a", "b"):
        IdempotencyRecord.objects.create(scope=scope, key="k", fingerprint="f")
    again = IdempotencyRecord(scope="a", key="k", fingerprint="g")
    assert_rejected("idempotency_scope_key_unique", again)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("change_version_positive", {"version": 0}),
        ("change_available_seats_not_negative", {"available_seats": -1}),
        ("change_kind_fits_seats", {"kind": "confirmed", "seats": -1}),
        ("change_kind_fits_seats", {"kind": "cancelled", "seats": 1}),
        ("change_kind_fits_seats", {"kind": "edited", "seats": 1}),
        ("change_kind_fits_seats", {"kind": "paused", "seats": 1}),
        ("change_kind_fits_seats", {"kind": "opened", "seats": -1}),
        ("change_kind_fits_seats", {"kind": "held", "seats": -1}),
        ("change_kind_fits_seats", {"kind": "hold_confirmed", "seats": 0}),
        ("change_kind_fits_seats", {"kind": "expired", "seats": 1}),
        ("change_kind_fits_seats", {"kind": "maybe"}),
        ("change_event_version_unique", {"version": 1}),
    ],
    ids=values_id,
)
def test_impossible_change_is_rejected(constraint: str, values: dict[str, Any]) -> None:
    fields = {"event": EventFactory.create(), "kind": "capacity", "seats": 0, "available_seats": 9}
    Change.objects.create(version=1, **fields)
    assert_rejected(constraint, Change(**{"version": 2} | fields | values))


@pytest.mark.parametrize(
    ("kind", "seats"),
    [("confirmed", 1), ("held", 0), ("hold_confirmed", -1), ("cancelled", -1), ("expired", 0)],
)
def test_change_with_seats_of_the_wrong_sign_is_rejected(kind: str, seats: int) -> None:
    event = EventFactory.create()
    reservation = Reservation.objects.create(event=event, partner="p", seats=1, status="confirmed")
    change = Change(
        event=event,
        version=1,
        kind=kind,
        seats=seats,
        available_seats=9,
        reservation=reservation,
    )
    assert_rejected("change_kind_fits_seats", change)
