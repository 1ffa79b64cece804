"""Read queries. They return committed figures: expired holds count as held until released."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Now

from reservations.batching import Batcher, Limits
from reservations.database_errors import busy_if_unavailable, connect
from reservations.email_addresses import canonicalise
from reservations.errors import BookingNotFound, Busy, EventNotFound, ReservationNotFound
from reservations.models import Booking, Change, Event, Reservation, is_slug


def get_event(slug: str) -> Event:
    """Return the event with this slug. Concurrent calls share a query.

    Raises:
        EventNotFound: no event has this slug.
        Busy: too many calls are waiting, the call waited too long, or the database is unavailable.
    """
    if not is_slug(slug):
        raise EventNotFound(slug)
    # A shared query may run on another connection, which cannot see what the caller's open
    # transaction has written.
    event = _read([slug])[0] if connection.in_atomic_block else _readers.submit("", slug)
    if event is None:
        raise EventNotFound(slug)
    return event


def _read(slugs: Sequence[str]) -> list[Event | None]:
    with busy_if_unavailable():
        found = {event.slug: event for event in Event.objects.filter(slug__in=set(slugs))}
    return [found.get(slug) for slug in slugs]


# A shared query starts after the last of its callers has arrived, so none gets outdated figures.
_readers = Batcher(
    _read,
    prepare=connect,
    leader_killed_error=Busy,
    # One queue for all events. Reads are fast, so every request in flight may wait in it.
    limits=Limits(settings.GROUP_COMMIT_MAX_BATCH, settings.MAX_CONCURRENT_REQUESTS),
)


def get_events() -> QuerySet[Event]:
    """Return all events ordered by date and slug, undated ones last."""
    return Event.objects.order_by("starts_at", "slug")


def get_upcoming_events(*, limit: int) -> QuerySet[Event]:
    """Return the first ``limit`` events by date, undated ones last.

    Events that started more than a day ago are left out.
    """
    over = Q(starts_at__lt=Now() - timedelta(days=1))
    return Event.objects.exclude(over).order_by("starts_at", "pk")[:limit]


def get_changes(event: Event, *, after: int, limit: int) -> list[Change]:
    """Return up to ``limit`` changes of ``event`` with versions above ``after``, without gaps.

    Versions are assigned under the event's lock, which is held until COMMIT, so they become visible
    in order: a reader that continues from the last version it has seen misses none.
    """
    return list(event.changes.filter(version__gt=after).order_by("version")[:limit])


def get_reservation(reservation_id: UUID) -> Reservation:
    """Return a reservation in any status, with its event; items of bookings are excluded.

    Raises:
        ReservationNotFound: no such reservation exists.
    """
    unbooked = Reservation.objects.select_related("event").filter(booking__isnull=True)
    reservation = unbooked.filter(pk=reservation_id).first()
    if reservation is None:
        raise ReservationNotFound
    return reservation


def get_bookings(
    *, email: str | None = None, status: str | None = None, event: str | None = None
) -> QuerySet[Booking]:
    """Return bookings with their items, newest first.

    Args:
        email: only bookings of the customer with this address, in any of its notations.
        status: only bookings with this value of ``Booking.Status``.
        event: only bookings that include the event with this slug.
    """
    bookings = _bookings()
    if email is not None:
        bookings = bookings.filter(canonical_email=canonicalise(email))
    if status is not None:
        bookings = bookings.filter(status=status)
    if event is not None:
        items = Reservation.objects.filter(event__slug=event, booking=OuterRef("pk"))
        bookings = bookings.filter(Exists(items)) if is_slug(event) else bookings.none()
    return bookings


def get_booking(booking_id: UUID) -> Booking:
    """Return a booking in any status, with its items.

    Raises:
        BookingNotFound: no booking has this id.
    """
    booking = _bookings().filter(pk=booking_id).first()
    if booking is None:
        raise BookingNotFound
    return booking


def _bookings() -> QuerySet[Booking]:
    items = Reservation.objects.select_related("event").order_by("pk")
    return Booking.objects.prefetch_related(Prefetch("items", items))
