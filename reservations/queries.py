"""The read side: plain committed figures, never adjusted."""

from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from reservations.errors import EventNotFound, ReservationNotFound
from reservations.models import Event, Reservation, is_slug


def get_event(slug: str) -> Event:
    """Return the event named ``slug``.

    Raises:
        EventNotFound: there is none.
    """
    event = Event.objects.filter(slug=slug).first() if is_slug(slug) else None
    if event is None:
        raise EventNotFound(slug)
    return event


def get_upcoming_events(*, limit: int) -> QuerySet[Event]:
    """Return at most ``limit`` events that are not over since a day, the next one first."""
    over = Q(starts_at__lt=Now() - timedelta(days=1))
    return Event.objects.exclude(over).order_by("starts_at", "pk")[:limit]


def get_reservation(reservation_id: UUID) -> Reservation:
    """Return a reservation, whatever its status, with its event.

    Raises:
        ReservationNotFound: there is none with that id.
    """
    reservation = Reservation.objects.select_related("event").filter(pk=reservation_id).first()
    if reservation is None:
        raise ReservationNotFound
    return reservation
