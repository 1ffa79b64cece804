"""Gives a partner the bookings that were made without keys."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from reservations.access.keys import get_partner, subject_of
from reservations.errors import CannotAdopt
from reservations.ledger.lock import lock_events
from reservations.models import Booking, Reservation, SecurityEvent
from reservations.security_log import record


def adopt_bookings(*, partner: str, bookings: Collection[UUID], by: str) -> int:
    """Make a partner the owner of bookings that belong to nobody, all or none.

    Returns:
        How many were adopted; those that belong to the partner already do not count.

    Raises:
        PartnerNotFound: no partner has this id.
        CannotAdopt: some of the bookings do not exist or belong to another partner.
        OperationalError: the database was unavailable, or a lock timed out.
    """
    adopter = get_partner(partner)
    owner = adopter.slug
    with transaction.atomic(durable=True):
        # A cancellation writes the complete row of its booking under the locks of its events.
        items = Reservation.objects.filter(booking__in=bookings)
        lock_events(pks=set(items.values_list("event_id", flat=True)))
        free = Booking.objects.filter(pk__in=bookings, partner__in=["", owner])
        if others := set(bookings) - set(free.values_list("pk", flat=True)):
            raise CannotAdopt(tuple(sorted(others)))
        adopted = free.filter(partner="")
        ids = [str(pk) for pk in adopted.order_by().values_list("pk", flat=True)]
        if ids:
            adopted.update(partner=owner)
            kind = SecurityEvent.Kind.BOOKINGS_ADOPTED
            record(kind=kind, actor=by, subject=subject_of(adopter), bookings=ids)
    return len(ids)
