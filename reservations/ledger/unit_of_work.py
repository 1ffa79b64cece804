"""Reads and writes the rows of a transaction: events, reservations, bookings and changes.

The number of statements does not depend on the size of the batch: the lock, at most three reads,
the release of expired holds, and at most two writes for each table.
"""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db.models import Q
from msgspec.structs import fields, replace

from reservations.ledger.bulk_writer import BulkWriter
from reservations.ledger.commands import CancelBooking, Command, ReservationCommand
from reservations.ledger.expiry import release_expired_holds
from reservations.ledger.lock import lock_events
from reservations.ledger.state import BookingRow, ReservationRow, State
from reservations.models import Booking, Change, Event, Reservation

_RESERVATION = [each.name for each in fields(ReservationRow)]
_BOOKING = [each.name for each in fields(BookingRow) if each.name != "items"]


class UnitOfWork:
    """The rows of a batch of commands: locked and read by ``load``, written by ``save``."""

    def __init__(self, *, stored: State, state: State) -> None:
        """Initialise with ``stored``, the rows as read, and ``state``, which decisions modify."""
        self._stored = stored
        self.state = state

    @classmethod
    def load(cls, batch: Sequence[Command]) -> "UnitOfWork":
        """Lock the events of ``batch``, release their expired holds, then read the other rows."""
        pks = {each.reservation_id for each in batch if isinstance(each, ReservationCommand)}
        bookings = {each.booking_id for each in batch if isinstance(each, CancelBooking)}
        found: list[tuple[int, UUID | None]] = []
        if pks or bookings:  # Building a query takes time even if it is not executed.
            query = Reservation.objects.filter(Q(pk__in=pks) | Q(booking__in=bookings))
            # No lock needed: the event of a reservation and the items of a booking never change.
            found = list(query.order_by("pk").values_list("event_id", "booking_id"))
        locked = lock_events(
            slugs=dict.fromkeys(slug for command in batch for slug in command.slugs),
            pks={event for event, _ in found},
            keys={command.caller.key_id for command in batch if command.caller},
        )
        stored = State(locked.events, locked.now)
        released = release_expired_holds(locked.events, locked.now)
        state = State(released, locked.now, locked.rejected_keys)
        if found:
            # Exclude rows created since the first query if their events are not locked.
            rows = query.filter(event__in=state.events).order_by("pk").values_list(*_RESERVATION)
            stored.reservations = {row[0]: ReservationRow(*row) for row in rows}
            stored.bookings = _bookings(
                bookings & {booking for _, booking in found}, stored.reservations.values()
            )
            state.reservations |= stored.reservations
            state.bookings |= stored.bookings
        return cls(stored=stored, state=state)

    def save(self, writer: BulkWriter) -> None:
        """Add the new and modified rows to ``writer``, referenced tables first."""
        writer.upsert(Event, self.state.events, self._stored.events)
        writer.upsert(Booking, self.state.bookings, self._stored.bookings)
        writer.upsert(Reservation, self.state.reservations, self._stored.reservations)
        writer.insert(Change, self.state.changes)


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
