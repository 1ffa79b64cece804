"""From rows to the values that are decided on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from reservations.ledger.commands import Book, Cancel, CancelBooking, Command, Confirm
from reservations.ledger.state import BookingState, ReservationState
from reservations.models import Booking, Reservation


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows that a batch of commands names."""

    slugs: frozenset[str]
    event_pks: frozenset[int]
    reservation_ids: tuple[UUID, ...]
    booking_ids: tuple[UUID, ...]


def wanted_by(batch: Sequence[Command]) -> Wanted:
    """Return what ``batch`` is about, looked up without a lock.

    That much may be read before: a reservation never changes its event, nor a booking its items.
    """
    reservation_ids = tuple(
        command.reservation_id for command in batch if isinstance(command, Cancel | Confirm)
    )
    booking_ids = tuple(
        command.booking_id for command in batch if isinstance(command, CancelBooking)
    )
    owned = list(_owned(reservation_ids, booking_ids))
    known_bookings = {booking for _, booking in owned}
    return Wanted(
        slugs=frozenset(slug for command in batch for slug in _slugs(command)),
        event_pks=frozenset(event for event, _ in owned),
        reservation_ids=reservation_ids,
        # One made since then may have items at events that are not locked: it is not there yet.
        booking_ids=tuple(each for each in booking_ids if each in known_bookings),
    )


def events_of(command: Command) -> list[str]:
    """Return the slugs of the events that ``command`` names, or whose reservation it names."""
    if isinstance(command, Cancel | Confirm):
        reservations = Reservation.objects.filter(pk=command.reservation_id)
        return list(reservations.values_list("event__slug", flat=True))
    return list(_slugs(command))


def _slugs(command: Command) -> Iterable[str]:
    match command:
        case Book():
            return [item.event for item in command.items]
        case Cancel() | Confirm() | CancelBooking():
            return []
        case _:
            return [command.event]


def _owned(
    reservation_ids: Sequence[UUID], booking_ids: Sequence[UUID]
) -> Iterable[tuple[int, UUID | None]]:
    if not reservation_ids and not booking_ids:
        return []
    return _rows(reservation_ids, booking_ids).values_list("event_id", "booking_id").distinct()


def _rows(
    reservation_ids: Sequence[UUID], booking_ids: Sequence[UUID]
) -> QuerySet[Reservation, Reservation]:
    named = Q(pk__in=reservation_ids) | Q(booking__in=booking_ids)
    return Reservation.objects.filter(named).order_by()


def reservations(wanted: Wanted, slugs: Mapping[int, str]) -> dict[UUID, ReservationState]:
    """Return the wanted reservations of the locked events, whose ``slugs`` are by their ids."""
    if not wanted.reservation_ids and not wanted.booking_ids:
        return {}
    # One made since its event was looked up, at an event that is not locked, is not there yet.
    rows = _rows(wanted.reservation_ids, wanted.booking_ids).filter(event__in=slugs)
    return {
        row.pk: ReservationState(
            id=row.pk,
            event=slugs[row.event_id],
            seats=row.seats,
            status=row.status,
            partner=row.partner,
            booking_id=row.booking_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
        )
        for row in rows
    }


def bookings(wanted: Wanted, reservations: Iterable[ReservationState]) -> dict[UUID, BookingState]:
    """Return the wanted bookings, whose items are among ``reservations``."""
    if not wanted.booking_ids:
        return {}
    items: dict[UUID | None, list[UUID]] = {}
    for each in sorted(reservations, key=lambda each: each.id):
        items.setdefault(each.booking_id, []).append(each.id)
    return {
        row.pk: BookingState(
            id=row.pk,
            customer_email=row.customer_email,
            status=row.status,
            created_at=row.created_at,
            items=tuple(items[row.pk]),
        )
        for row in Booking.objects.filter(pk__in=wanted.booking_ids).order_by()
    }
