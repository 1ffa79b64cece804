"""The rows that a batch reads and changes, as immutable values.

Without database, clock or Django. The fields of a row are columns of its model. Rows are structs
of msgspec, because each sale replaces several (docs/decisions/0011).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import sub
from typing import Any, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from reservations.ledger.outcomes import Outcome


class EventRow(Struct, frozen=True):
    """A row of ``Event``."""

    slug: str
    total_seats: int
    available_seats: int
    held_seats: int = 0
    reservation_count: int = 0
    version: int = 0
    name: str = ""
    venue: str | None = None
    starts_at: datetime | None = None
    sales_paused: bool = False
    sales_open_at: datetime | None = None
    sales_close_at: datetime | None = None
    id: int = 0


class ReservationRow(Struct, frozen=True):
    """A row of ``Reservation``."""

    id: UUID
    event_id: int
    seats: int
    status: Literal["held", "confirmed", "cancelled", "expired"]
    created_at: datetime
    partner: str = ""
    booking_id: UUID | None = None
    expires_at: datetime | None = None


class BookingRow(Struct, frozen=True):
    """A row of ``Booking``.

    ``items`` is not a column: it has the ids of the reservations, in the order of the request.
    """

    id: UUID
    customer_email: str
    canonical_email: str
    status: Literal["confirmed", "cancelled"]
    created_at: datetime
    partner: str = ""
    items: tuple[UUID, ...] = ()


class ChangeRow(Struct, frozen=True):
    """A row of ``Change``; ``seats`` is the change of the event's available seats."""

    event_id: int
    version: int
    kind: str
    seats: int
    available_seats: int
    reservation_id: UUID | None
    actor: str
    request_id: str
    at: datetime
    id: UUID = field(default_factory=uuid7)


class EventEdit(Struct, frozen=True):
    """A change of an event that concerns no reservation, and the new values of its columns."""

    event_id: int
    kind: Literal["edited", "capacity", "paused", "opened"]
    columns: Mapping[str, Any]


class Decision(Struct, frozen=True):
    """The result of an accepted command: its outcome and the rows with their new values."""

    outcome: Outcome
    actor: str = ""
    reservations: tuple[ReservationRow, ...] = ()
    booking: BookingRow | None = None
    edits: tuple[EventEdit, ...] = ()
    """One for each version that the event gets."""


class _Cause(NamedTuple):
    """What a change says about who or what caused it."""

    actor: str
    request_id: str


class State:
    """What decisions are based on: the rows, including the effects of earlier decisions."""

    def __init__(
        self,
        events: Iterable[EventRow],
        now: datetime,
        rejected_keys: frozenset[str] = frozenset(),
    ) -> None:
        self.events = {event.id: event for event in events}
        self.reservations: dict[UUID, ReservationRow] = {}
        self.bookings: dict[UUID, BookingRow] = {}
        self.changes: list[ChangeRow] = []
        self.now = now
        self.rejected_keys = rejected_keys
        self._ids = {event.slug: event.id for event in self.events.values()}

    def event(self, slug: str) -> EventRow | None:
        """Return the event with this slug, or None."""
        return self.events.get(self._ids.get(slug, -1))

    def evolve(self, decision: Decision, *, request_id: str = "") -> None:
        """Apply ``decision``: store its rows, update the events' counters and add the changes."""
        cause = _Cause(decision.actor, request_id)
        for reservation in decision.reservations:
            self._evolve_reservation(reservation, cause)
        if booking := decision.booking:
            self.bookings[booking.id] = booking
        for edit in decision.edits:
            event = self.events[edit.event_id]
            self._evolve_event(event, edit.kind, cause, **edit.columns)

    def _evolve_reservation(self, after: ReservationRow, cause: _Cause) -> None:
        """Replace a reservation and adjust the counters of its event by the difference."""
        before = self.reservations.get(after.id)
        if after == before:
            return
        self.reservations[after.id] = after
        seats, held, confirmed = map(sub, _counts(after), _counts(before))
        event = self.events[after.event_id]
        self._evolve_event(
            event,
            "hold_confirmed" if before and after.status == "confirmed" else after.status,
            cause,
            after.id,
            available_seats=event.available_seats - seats,
            held_seats=event.held_seats + held,
            reservation_count=event.reservation_count + confirmed,
        )

    def _evolve_event(
        self,
        event: EventRow,
        kind: str,
        cause: _Cause,
        reservation_id: UUID | None = None,
        **columns: Any,
    ) -> None:
        """Set ``columns`` of an event, increment its version and add the change."""
        after = replace(event, version=event.version + 1, **columns)
        change = ChangeRow(
            event_id=event.id,
            version=after.version,
            kind=kind,
            seats=after.available_seats - event.available_seats,
            available_seats=after.available_seats,
            reservation_id=reservation_id,
            actor=cause.actor,
            request_id=cause.request_id,
            at=self.now,
        )
        self.events[event.id] = after
        self.changes.append(change)


def _counts(reservation: ReservationRow | None) -> tuple[int, int, int]:
    """Return the seats it takes, the seats it holds, and 1 if it is confirmed (otherwise 0)."""
    match reservation:
        case ReservationRow(status="confirmed", seats=seats):
            return seats, 0, 1
        case ReservationRow(status="held", seats=seats):
            return seats, seats, 0
    return 0, 0, 0
