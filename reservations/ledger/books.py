"""What one transaction reads and writes: events, reservations, bookings, changes.

Few statements whatever the size of the batch: the lock, one read for each kind of row, and one or
two writes for each table.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from uuid import UUID

from django.db.models import Q

from reservations.ledger.commands import CancelBooking, Command, ReservationCommand
from reservations.ledger.expiry import release_expired_holds
from reservations.ledger.lock import lock_events
from reservations.ledger.state import BookingState, ReservationState, State
from reservations.models import Booking, Change, Event, Reservation
from reservations.script import Script

_RESERVATION = [each.name for each in fields(ReservationState)]
_BOOKING = [each.name for each in fields(BookingState) if each.name != "items"]


class Books:
    """The rows that a batch of commands is about, opened under their events' locks."""

    def __init__(self, batch: Sequence[Command]) -> None:
        """Lock the events of ``batch``, release expired holds, then read what is decided on."""
        alone = {each.reservation_id for each in batch if isinstance(each, ReservationCommand)}
        booked = {each.booking_id for each in batch if isinstance(each, CancelBooking)}
        named = Reservation.objects.filter(Q(pk__in=alone) | Q(booking__in=booked)).order_by("pk")
        # Without a lock: a reservation never changes its event, nor a booking its items.
        known = list(named.values_list("event_id", "booking_id")) if alone or booked else []
        locked, now = lock_events(
            slugs=dict.fromkeys(slug for command in batch for slug in command.slugs),
            pks={event for event, _ in known},
        )
        self._stored = State(locked, now)
        self.state = State(release_expired_holds(locked, now), now)
        if known:
            # What was made meanwhile, perhaps at events that are not locked, is not there yet.
            rows = named.filter(event__in=self.state.events).values_list(*_RESERVATION)
            self._stored.reservations = {row[0]: ReservationState(*row) for row in rows}
            self._stored.bookings = _bookings(
                booked & {booking for _, booking in known}, self._stored.reservations.values()
            )
            self.state.reservations |= self._stored.reservations
            self.state.bookings |= self._stored.bookings

    def write(self, script: Script) -> None:
        """Store what was decided."""
        script.save(Event, self.state.events, self._stored.events)
        script.save(Booking, self.state.bookings, self._stored.bookings)
        script.save(Reservation, self.state.reservations, self._stored.reservations)
        script.save(Change, self.state.entries, {})


def _bookings(
    pks: Collection[UUID], reservations: Iterable[ReservationState]
) -> dict[UUID, BookingState]:
    if not pks:
        return {}
    items: dict[UUID | None, tuple[UUID, ...]] = {}
    for each in reservations:
        if each.booking_id in pks:
            items[each.booking_id] = (*items.get(each.booking_id, ()), each.id)
    rows = Booking.objects.filter(pk__in=pks).order_by().values_list(*_BOOKING)
    return {row[0]: replace(BookingState(*row), items=items[row[0]]) for row in rows}
