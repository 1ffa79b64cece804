"""The read side: plain committed figures, never adjusted."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Lower, Now
from django.db.models.lookups import Exact

from reservations.batching import Batcher, Limits
from reservations.errors import BookingNotFound, Busy, EventNotFound, ReservationNotFound
from reservations.models import Booking, Change, Event, Reservation, is_slug


def get_event(slug: str) -> Event:
    """Return the event named ``slug``.

    Raises:
        EventNotFound: there is none.
    """
    if not is_slug(slug):
        raise EventNotFound(slug)
    # A transaction of the caller's own may have written what nobody else can read.
    event = _read([slug])[0] if connection.in_atomic_block else _readers.submit("", slug)
    if event is None:
        raise EventNotFound(slug)
    return event


def _read(slugs: Sequence[str]) -> list[Event | None]:
    found = {event.slug: event for event in Event.objects.filter(slug__in=set(slugs))}
    return [found.get(slug) for slug in slugs]


def _connect() -> None:
    connection.ensure_connection()


# Who asks for an event while others are being answered shares a query that begins afterwards.
_readers = Batcher(
    _read,
    prepare=_connect,
    orphaned=Busy,
    # Of all events together, and quick: as many may wait as there may be.
    limits=Limits(
        settings.GROUP_COMMIT_MAX_BATCH,
        settings.MAX_CONCURRENT_REQUESTS,
        settings.GROUP_COMMIT_QUEUE_TIMEOUT,
    ),
)


def get_events() -> QuerySet[Event]:
    """Return all events by date, those without one last, then by their public id."""
    return Event.objects.order_by("starts_at", "slug")


def get_upcoming_events(*, limit: int) -> QuerySet[Event]:
    """Return at most ``limit`` events that are not over since a day, the next one first."""
    over = Q(starts_at__lt=Now() - timedelta(days=1))
    return Event.objects.exclude(over).order_by("starts_at", "pk")[:limit]


def get_changes(event: Event, *, after: int, limit: int) -> list[Change]:
    """Return at most ``limit`` changes of ``event`` after a version, in order, without a gap.

    A version is given out under the event's lock and seen when its transaction commits, so none
    ever appears before one that a reader has seen already.
    """
    return list(event.changes.filter(version__gt=after).order_by("version")[:limit])


def get_reservation(reservation_id: UUID) -> Reservation:
    """Return a reservation that is no item of a booking, whatever its status, with its event.

    Raises:
        ReservationNotFound: there is none with that id.
    """
    alone = Reservation.objects.select_related("event").filter(booking__isnull=True)
    reservation = alone.filter(pk=reservation_id).first()
    if reservation is None:
        raise ReservationNotFound
    return reservation


def get_bookings(
    *, email: str | None = None, status: str | None = None, event: str | None = None
) -> QuerySet[Booking]:
    """Return bookings with their items, newest first.

    Args:
        email: only those of this customer, in upper or lower case.
        status: only those with this status of the model.
        event: only those with an item of the event with this slug.
    """
    bookings = _bookings()
    if email is not None:
        bookings = bookings.filter(Exact(Lower("customer_email"), Lower(Value(email))))
    if status is not None:
        bookings = bookings.filter(status=status)
    if event is not None:
        items = Reservation.objects.filter(event__slug=event, booking=OuterRef("pk"))
        bookings = bookings.filter(Exists(items)) if is_slug(event) else bookings.none()
    return bookings


def get_booking(booking_id: UUID) -> Booking:
    """Return a booking, whatever its status, with its items.

    Raises:
        BookingNotFound: there is none with that id.
    """
    booking = _bookings().filter(pk=booking_id).first()
    if booking is None:
        raise BookingNotFound
    return booking


def _bookings() -> QuerySet[Booking]:
    items = Reservation.objects.select_related("event").order_by("pk")
    return Booking.objects.prefetch_related(Prefetch("items", items))
