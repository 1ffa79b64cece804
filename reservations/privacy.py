"""Erases a customer's personal data."""

from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from reservations import sql
from reservations.ledger.lock import lock_events
from reservations.models import Booking, IdempotencyRecord, Reservation


class Erased(NamedTuple):
    """The number of rows that contained the address."""

    bookings: int
    idempotency_records: int


def erase_customer(*, email: str) -> Erased:
    """Remove an e-mail address from all bookings and idempotency records, ignoring case.

    The rows stay, without the address. Each booking is updated in its own transaction, so that
    event locks are held only briefly. Bookings made while this runs may be missed.

    Raises:
        OperationalError: the database was unavailable, or a lock or statement timed out. Some rows
            may still contain the address: call this again.
    """
    lowered = Booking.objects.alias(lowered=Lower("customer_email"))
    bookings = _read_keys(lowered.filter(lowered=Lower(Value(email.strip()))))
    for pk in bookings:
        _erase_booking(pk)
    matching = IdempotencyRecord.objects.filter(outcome__customer_email__iexact=email.strip())
    records = _read_keys(matching)
    for pk in records:
        _erase_record(pk)
    return Erased(len(bookings), len(records))


def _erase_booking(pk: UUID) -> None:
    # Take the booking's event locks first. A cancellation that has read the address has committed
    # by then, so the search for idempotency records, which follows, finds its outcome. A later
    # cancellation reads no address.
    with transaction.atomic(durable=True):
        items = Reservation.objects.filter(booking=pk)
        lock_events(pks=list(items.values_list("event_id", flat=True)))
        Booking.objects.filter(pk=pk).update(customer_email="")


def _read_keys(rows: QuerySet[Booking] | QuerySet[IdempotencyRecord]) -> list[UUID]:
    """Return the primary keys of ``rows``.

    Without a statement timeout, because idempotency records have no index for this filter.
    """
    with transaction.atomic():
        sql.set_for_transaction(statement_timeout=0)
        return list(rows.order_by().values_list("pk", flat=True))


def _erase_record(pk: UUID) -> None:
    # A committed record never changes, but it may have been pruned since it was found.
    for outcome in IdempotencyRecord.objects.filter(pk=pk).values_list("outcome", flat=True):
        erased = cast("dict[str, Any]", outcome) | {"customer_email": ""}
        IdempotencyRecord.objects.filter(pk=pk).update(outcome=erased)
