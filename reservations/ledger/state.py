"""The rows that a batch is about, as values, and how one leads to the next.

No database, no clock, no Django. The fields of a row are the columns of its model.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import sub
from typing import Any, Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from reservations.ledger.commands import Edits
from reservations.ledger.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class EventState:
    """An event."""

    slug: str
    total_seats: int
    available_seats: int
    held_seats: int = 0
    reservation_count: int = 0
    version: int = 0
    name: str = ""
    venue: str | None = None
    starts_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class ReservationState:
    """A reservation."""

    id: UUID
    event_id: int
    seats: int
    status: Literal["held", "confirmed", "cancelled", "expired"]
    created_at: datetime
    partner: str = ""
    booking_id: UUID | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BookingState:
    """A booking; ``items``, no column, are its reservations' ids in the order of the request."""

    id: UUID
    customer_email: str
    status: Literal["confirmed", "cancelled"]
    created_at: datetime
    items: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of an event: its next version. ``seats`` is the signed change of availability."""

    event_id: int
    version: int
    kind: str
    seats: int
    available_seats: int
    reservation_id: UUID | None
    actor: str
    at: datetime
    id: UUID = field(default_factory=uuid7, compare=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """An accepted command: its outcome, and the rows as they are from then on."""

    outcome: Outcome
    actor: str = ""
    reservations: tuple[ReservationState, ...] = ()
    booking: BookingState | None = None
    edited: tuple[EventState, Edits] | None = None


class State:
    """All that a decision may depend on, including the decisions before it."""

    def __init__(self, events: Iterable[EventState], now: datetime) -> None:
        self.events = {event.id: event for event in events}
        self.reservations: dict[UUID, ReservationState] = {}
        self.bookings: dict[UUID, BookingState] = {}
        self.entries: dict[UUID, Entry] = {}
        self.now = now
        self._ids = {event.slug: event.id for event in self.events.values()}

    def event(self, slug: str) -> EventState | None:
        """Return the event with that slug, if there is one."""
        return self.events.get(self._ids.get(slug, -1))

    def apply(self, decision: Decision) -> None:
        """Let what follows build on ``decision``."""
        for reservation in decision.reservations:
            self._turn(reservation, decision.actor)
        if booking := decision.booking:
            self.bookings[booking.id] = booking
        if decision.edited:
            self._edit(*decision.edited, decision.actor)

    def _turn(self, after: ReservationState, actor: str) -> None:
        """Give the event of a reservation a version: what counts is what it took, and takes now."""
        before = self.reservations.get(after.id)
        if after == before:
            return
        self.reservations[after.id] = after
        seats, held, sales = map(sub, _taken_by(after), _taken_by(before))
        event = self.events[after.event_id]
        self._advance(
            event,
            "hold_confirmed" if before and after.status == "confirmed" else after.status,
            actor,
            after.id,
            available_seats=event.available_seats - seats,
            held_seats=event.held_seats + held,
            reservation_count=event.reservation_count + sales,
        )

    def _edit(self, event: EventState, edits: Edits, actor: str) -> None:
        """Give an event new details, a new capacity, or both, a version for each."""
        details: dict[str, Any] = {
            name: value for name, value in edits.items() if name != "total_seats"
        }
        if details:
            event = self._advance(event, "edited", actor, **details)
        if "total_seats" in edits:
            total = edits["total_seats"]
            available = event.available_seats + total - event.total_seats
            self._advance(event, "capacity", actor, total_seats=total, available_seats=available)

    def _advance(
        self,
        event: EventState,
        kind: str,
        actor: str,
        reservation_id: UUID | None = None,
        **columns: Any,
    ) -> EventState:
        after = replace(event, version=event.version + 1, **columns)
        left = after.available_seats
        entry = Entry(
            event_id=event.id,
            version=after.version,
            kind=kind,
            seats=left - event.available_seats,
            available_seats=left,
            reservation_id=reservation_id,
            actor=actor,
            at=self.now,
        )
        self.events[event.id] = after
        self.entries[entry.id] = entry
        return after


def _taken_by(reservation: ReservationState | None) -> tuple[int, int, int]:
    """Return the seats that it takes, those of them that are held, and 1 if it is a sale."""
    match reservation:
        case ReservationState(status="confirmed", seats=seats):
            return seats, 0, 1
        case ReservationState(status="held", seats=seats):
            return seats, seats, 0
    return 0, 0, 0
