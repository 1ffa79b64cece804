"""Erases a customer's personal data."""

from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.fields.json import KT

from reservations import sql
from reservations.email_addresses import canonicalise
from reservations.ledger.lock import lock_events
from reservations.models import Booking, BookingMail, IdempotencyRecord, Reservation
from reservations.models.booking import WITHOUT_CANONICAL_EMAIL


class Erased(NamedTuple):
    """The number of rows that contained the address."""

    bookings: int
    idempotency_records: int


def erase_customer(*, email: str) -> Erased:
    """Remove an e-mail address from all bookings, idempotency records and records of e-mails.

    All notations of the address are removed.

    The rows stay, without the address. Each booking is updated in its own transaction, so that
    event locks are held only briefly. Bookings made while this runs may be missed.

    Raises:
        OperationalError: the database was unavailable, or a lock or statement timed out. Some rows
            may still contain the address: call this again.
    """
    canonical = canonicalise(email)
    bookings = _find_bookings(canonical)
    for pk in bookings:
        _erase_booking(pk)
    records = _find_records(canonical)
    for pk in records:
        _erase_record(pk)
    _erase_mails(canonical)
    return Erased(len(bookings), len(records))


def _find_bookings(canonical: str) -> list[UUID]:
    known = Booking.objects.filter(canonical_email=canonical).exclude(canonical_email="")
    with transaction.atomic():
        sql.set_for_transaction(statement_timeout=0)
        found = list(known.order_by().values_list("pk", flat=True))
        incomplete = Booking.objects.filter(WITHOUT_CANONICAL_EMAIL).order_by()
        return found + _compare(incomplete.values_list("pk", "customer_email"), canonical)


def _find_records(canonical: str) -> list[UUID]:
    # There is no index for this filter, so the statement may take long.
    records = IdempotencyRecord.objects.annotate(address=KT("outcome__customer_email"))
    with transaction.atomic():
        sql.set_for_transaction(statement_timeout=0)
        with_address = records.filter(address__gt="").order_by()
        return _compare(with_address.values_list("pk", "address"), canonical)


def _compare(rows: QuerySet[Any, tuple[UUID, str]], canonical: str) -> list[UUID]:
    """Return the primary keys of the rows with this address."""
    return [pk for pk, address in rows.iterator() if canonicalise(address) == canonical]


def _erase_booking(pk: UUID) -> None:
    # Take the booking's event locks first. A cancellation that has read the address has committed
    # by then, so the search for idempotency records, which follows, finds its outcome. A later
    # cancellation reads no address.
    with transaction.atomic(durable=True):
        items = Reservation.objects.filter(booking=pk)
        lock_events(pks=list(items.values_list("event_id", flat=True)))
        Booking.objects.filter(pk=pk).update(customer_email="", canonical_email="")


def _erase_record(pk: UUID) -> None:
    # A committed record never changes, but it may have been pruned since it was found.
    for outcome in IdempotencyRecord.objects.filter(pk=pk).values_list("outcome", flat=True):
        erased = cast("dict[str, Any]", outcome) | {"customer_email": ""}
        IdempotencyRecord.objects.filter(pk=pk).update(outcome=erased)


def _erase_mails(canonical: str) -> None:
    # A worker that has read the address before it was erased may be about to record it. The lock
    # makes it check again whether the booking still has the address.
    with transaction.atomic():
        sql.advisory_locks_until_commit(canonical)
        BookingMail.objects.filter(recipient=canonical).update(recipient="")
