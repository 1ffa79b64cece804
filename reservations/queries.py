"""Read queries. They return committed figures: expired holds count as held until released."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Prefetch, Q, QuerySet
from django.db.models.functions import Now

from reservations.access.caller import Caller, owns
from reservations.email_addresses import canonicalise
from reservations.errors import (
    BookingNotFound,
    EventNotFound,
    ReservationNotFound,
    VersionAhead,
)
from reservations.keysets import Keyset
from reservations.models import SORT_DATE, ApiKey, Booking, Change, Event, Reservation, is_slug
from reservations.shared_reads import SharedReader

_SALE_DURATION = timedelta(minutes=2)
"""More than the time in which a command waits for its queue, connection and lock, or times out."""


def get_event(slug: str) -> Event:
    """Return the event with this slug. Concurrent calls share a query.

    Raises:
        EventNotFound: no event has this slug.
        Busy: too many calls are waiting, the call waited too long, or the database is unavailable.
    """
    event = _find_event(slug)
    if event is None:
        raise EventNotFound(slug)
    return event


def _find_event(slug: str) -> Event | None:
    return _events.get(slug) if is_slug(slug) else None


def _read_events(slugs: Sequence[str]) -> list[Event | None]:
    found = {event.slug: event for event in Event.objects.filter(slug__in=set(slugs))}
    return [found.get(slug) for slug in slugs]


_events = SharedReader(_read_events)


EVENTS_BY_DATE = Keyset(name="events-by-date", fields=("sort_date", "slug"), types=(datetime, str))
EVENTS_BY_SLUG = Keyset(name="events", fields=("slug",), types=(str,))
"""Unlike the date, the slug never changes."""
BOOKINGS_BY_TIME = Keyset(
    name="bookings", fields=("sort_time", "id"), types=(datetime, UUID), descending=True
)
RESERVATIONS_BY_ID = Keyset(name="reservations", fields=("id",), types=(UUID,), descending=True)
"""The ids are ordered by time."""


def get_events() -> QuerySet[Event]:
    """Return all events, to be sorted by ``EVENTS_BY_DATE`` or ``EVENTS_BY_SLUG``."""
    return Event.objects.annotate(sort_date=SORT_DATE)


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

    Raises:
        VersionAhead: the event has not reached version ``after``.
    """
    if after > event.version:
        raise VersionAhead(event.version)
    return list(event.changes.filter(version__gt=after).order_by("version")[:limit])


def hide_foreign(changes: Collection[Change], caller: Caller | None) -> None:
    """Remove the reservations and actors from changes that ``caller`` has no right to see.

    Args:
        changes: modified in memory.
        caller: a partner, who sees its own reservations, and which of its keys caused a change;
            None for the public, who sees neither.
    """
    own: set[UUID] = set()
    if caller:
        reservations = Reservation.objects.filter(
            Q(partner=caller.partner) | Q(booking__partner=caller.partner),
            pk__in=[each.reservation_id for each in changes if each.reservation_id],
        )
        own = set(reservations.values_list("pk", flat=True))
    for change in changes:
        if change.reservation_id not in own:
            change.reservation = None
        if not caller or not caller.caused(change.actor):
            change.actor = None  # type: ignore[assignment]


def get_key(key_id: str) -> ApiKey:
    """Return the key of a caller, with its partner. Keys are never deleted."""
    return ApiKey.objects.select_related("partner").get(pk=key_id)


def get_changes_of(reservations: Collection[UUID]) -> list[Change]:
    """Return all changes of a few reservations, given by their ids, newest first.

    No index covers the changes that made the reservations: each sale would pay for it. Their ids
    are UUIDv7 of the same process, so they follow the reservations' ids within a short time.
    """
    if not reservations:
        return []
    changes = Change.objects.select_related("event").filter(reservation__in=reservations)
    made = changes.filter(
        pk__gte=min(reservations), pk__lt=_later(max(reservations), _SALE_DURATION)
    )
    # ``made`` stops reading as soon as it has found them all.
    first = made.order_by("pk")[: len(reservations)]
    later = changes.filter(kind__in=Change.AFTER_SALE).order_by()
    found = {change.pk: change for change in (*first, *later)}
    return sorted(found.values(), key=lambda change: (change.at, change.pk), reverse=True)


def _later(uuid7: UUID, delay: timedelta) -> UUID:
    """Return the first UUIDv7 of the millisecond ``delay`` after that of ``uuid7``."""
    milliseconds = (uuid7.int >> 80) + delay // timedelta(milliseconds=1)
    return UUID(int=min(milliseconds, 2**48 - 1) << 80)


def get_reservation(reservation_id: UUID, *, caller: Caller | None) -> Reservation:
    """Return a reservation in any status, with its event; items of bookings are excluded.

    Raises:
        ReservationNotFound: no such reservation exists for ``caller``.
    """
    unbooked = Reservation.objects.select_related("event").filter(booking__isnull=True)
    reservation = unbooked.filter(pk=reservation_id).first()
    if reservation is None or not owns(caller, reservation.partner):
        raise ReservationNotFound
    return reservation


def get_reservations(
    *, partner: str, event: str | None = None, status: str | None = None
) -> QuerySet[Reservation]:
    """Return a partner's reservations, to be sorted by ``RESERVATIONS_BY_ID``.

    Args:
        partner: the partner's id. Items of bookings are left out.
        event: only reservations for the event with this slug.
        status: only reservations with this value of ``Reservation.Status``.
    """
    reservations = Reservation.objects.select_related("event").filter(
        partner=partner, booking__isnull=True
    )
    if event is not None:
        found = _find_event(event)
        reservations = reservations.filter(event=found) if found else reservations.none()
    if status is not None:
        reservations = reservations.filter(status=status)
    return reservations


def get_bookings(
    *,
    caller: Caller | None,
    email: str | None = None,
    status: str | None = None,
    event: str | None = None,
) -> QuerySet[Booking]:
    """Return bookings with their items, to be sorted by ``BOOKINGS_BY_TIME``.

    Args:
        caller: only bookings that this partner has made; None for those of everybody.
        email: only bookings of the customer with this address, in any of its notations.
        status: only bookings with this value of ``Booking.Status``.
        event: only bookings that include the event with this slug.
    """
    bookings = with_items(Booking.objects.all())
    if caller is not None:
        bookings = bookings.filter(partner=caller.partner)
    if email is not None:
        bookings = bookings.filter(canonical_email=canonicalise(email))
    if event is not None:
        return _including(event, bookings, status)
    if status is not None:
        bookings = bookings.filter(status=status)
    return bookings.annotate(sort_time=F("created_at"))


def _including(slug: str, bookings: QuerySet[Booking], status: str | None) -> QuerySet[Booking]:
    """Return the ``bookings`` with an item for the event with this slug.

    Time and status are those of the item, because there are indexes that combine them with the
    event. They are equal to those of the booking: the ledger writes both together.
    """
    # Looked up here, not in the query, so that PostgreSQL plans for the bookings of this event.
    event = _find_event(slug)
    if event is None:
        return bookings.none().annotate(sort_time=F("created_at"))
    item: dict[str, Any] = {"items__event": event.pk}
    if status is not None:
        item["items__status"] = status
    return bookings.filter(**item).annotate(sort_time=F("items__created_at"))


def get_booking(booking_id: UUID, *, caller: Caller | None) -> Booking:
    """Return a booking in any status, with its items.

    Raises:
        BookingNotFound: no booking has this id for ``caller``.
    """
    booking = Booking.objects.filter(pk=booking_id).first()
    if booking is None or not owns(caller, booking.partner):
        raise BookingNotFound
    return booking


def with_items(bookings: QuerySet[Booking]) -> QuerySet[Booking]:
    """Return ``bookings``, whose ``booked_items`` are read with one query."""
    items = Reservation.objects.select_related("event").order_by("pk")
    # django-stubs does not know that Django fills the cached property.
    return bookings.prefetch_related(  # type: ignore[no-redef]
        Prefetch("items", items, to_attr="booked_items")
    )
