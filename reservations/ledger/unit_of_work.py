"""What one transaction reads and writes: events, reservations, bookings, changes.

Few statements whatever the size of the batch: the lock, one read for each kind of row, and one or
two writes for each table.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from uuid import UUID

from django.db.models import Q

from reservations.ledger.bulk_writer import BulkWriter
from reservations.ledger.commands import CancelBooking, Command, ReservationCommand
from reservations.ledger.expiry import release_expired_holds
from reservations.ledger.lock import lock_events
from reservations.ledger.state import BookingRow, ReservationRow, State
from reservations.models import Booking, Change, Event, Reservation

_RESERVATION = [each.name for each in fields(ReservationRow)]
_BOOKING = [each.name for each in fields(BookingRow) if each.name != "items"]


class UnitOfWork:
    """The rows that a batch of commands is about, from the lock of their events to the write."""

    def __init__(self, *, stored: State, state: State) -> None:
        """Start from what is ``stored``, and from ``state``, which decisions evolve."""
        self._stored = stored
        self.state = state

    @classmethod
    def load(cls, batch: Sequence[Command]) -> "UnitOfWork":
        """Lock the events of ``batch``, release their expired holds, then read the other rows."""
        alone = {each.reservation_id for each in batch if isinstance(each, ReservationCommand)}
        booked = {each.booking_id for each in batch if isinstance(each, CancelBooking)}
        named = Reservation.objects.filter(Q(pk__in=alone) | Q(booking__in=booked)).order_by("pk")
        # Without a lock: a reservation never changes its event, nor a booking its items.
        known = list(named.values_list("event_id", "booking_id")) if alone or booked else []
        locked, now = lock_events(
            slugs=dict.fromkeys(slug for command in batch for slug in command.slugs),
            pks={event for event, _ in known},
        )
        stored = State(locked, now)
        state = State(release_expired_holds(locked, now), now)
        if known:
            # Rows that were made since, perhaps of events that are not locked, stay out.
            rows = named.filter(event__in=state.events).values_list(*_RESERVATION)
            stored.reservations = {row[0]: ReservationRow(*row) for row in rows}
            stored.bookings = _bookings(
                booked & {booking for _, booking in known}, stored.reservations.values()
            )
            state.reservations |= stored.reservations
            state.bookings |= stored.bookings
        return cls(stored=stored, state=state)

    def save(self, writer: BulkWriter) -> None:
        """Hand ``writer`` the rows that were decided on, in the order of their foreign keys."""
        writer.upsert(Event, self.state.events, self._stored.events)
        writer.upsert(Booking, self.state.bookings, self._stored.bookings)
        writer.upsert(Reservation, self.state.reservations, self._stored.reservations)
        writer.upsert(Change, self.state.changes, {})


def _bookings(
    pks: Collection[UUID], reservations: Iterable[ReservationRow]
) -> dict[UUID, BookingRow]:
    if not pks:
        return {}
    items: dict[UUID | None, tuple[UUID, ...]] = {}
    for each in reservations:
        if each.booking_id in pks:
            items[each.booking_id] = (*items.get(each.booking_id, ()), each.id)
    rows = Booking.objects.filter(pk__in=pks).order_by().values_list(*_BOOKING)
    return {row[0]: replace(BookingRow(*row), items=items[row[0]]) for row in rows}
