"""Erasing a customer's personal data."""

from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from reservations import sql
from reservations.ledger.lock import lock_events
from reservations.models import Booking, IdempotencyRecord, Reservation


class Erased(NamedTuple):
    """How many rows held the address."""

    bookings: int
    answers: int


def erase_customer(*, email: str) -> Erased:
    """Remove an e-mail address, in whatever case, wherever it is stored.

    Bookings, their seats and remembered answers stay, without it. One booking at a time, so that
    nobody waits for long. What is booked meanwhile may be missed.
    """
    lowered = Booking.objects.alias(lowered=Lower("customer_email"))
    bookings = _read_keys(lowered.filter(lowered=Lower(Value(email.strip()))))
    for pk in bookings:
        _erase_booking(pk)
    holding = IdempotencyRecord.objects.filter(outcome__customer_email__iexact=email.strip())
    answers = _read_keys(holding)
    for pk in answers:
        _erase_answer(pk)
    return Erased(len(bookings), len(answers))


def _erase_booking(pk: UUID) -> None:
    # Under the booking's locks: a cancel that has read the address is over, and its answer is
    # among those that are looked for next; one that comes later reads none.
    with transaction.atomic(durable=True):
        items = Reservation.objects.filter(booking=pk)
        lock_events(pks=list(items.values_list("event_id", flat=True)))
        Booking.objects.filter(pk=pk).update(customer_email="")


def _read_keys(rows: QuerySet[Booking] | QuerySet[IdempotencyRecord]) -> list[UUID]:
    """Read the primary keys, however long it takes: answers have no index for this."""
    with transaction.atomic():
        sql.set_for_transaction(statement_timeout=0)
        return list(rows.order_by().values_list("pk", flat=True))


def _erase_answer(pk: UUID) -> None:
    # Nobody else changes an answer; at most it has been pruned by now.
    for outcome in IdempotencyRecord.objects.filter(pk=pk).values_list("outcome", flat=True):
        erased = cast("dict[str, Any]", outcome) | {"customer_email": ""}
        IdempotencyRecord.objects.filter(pk=pk).update(outcome=erased)
