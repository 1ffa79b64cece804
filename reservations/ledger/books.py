"""What one transaction reads and writes: events, reservations, bookings, changes.

Few statements whatever the size of the batch: the lock, one read for each kind of row, and one
write for each table.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from reservations.ledger import load, steps
from reservations.ledger.commands import Command
from reservations.ledger.expiry import release_expired_holds
from reservations.ledger.lock import lock_events
from reservations.ledger.script import Row, Script
from reservations.ledger.state import (
    BookingState,
    Decision,
    EventState,
    ReservationState,
    State,
    Step,
)
from reservations.models import Booking, Change, Event, Reservation

_S = TypeVar("_S")


class Books:
    """The rows that a batch of commands is about, opened under their events' locks."""

    def __init__(self, batch: Sequence[Command]) -> None:
        """Lock the events of ``batch``, release expired holds, then read what is decided on."""
        wanted = load.wanted_by(batch)
        locked, now = lock_events(slugs=wanted.slugs, pks=wanted.event_pks)
        slugs = {event.id: event.slug for event in locked}
        self._stored_events = {event.slug: event for event in locked}
        self._events = self._stored_events | _released(locked, now)
        self._stored = load.reservations(wanted, slugs)
        self._reservations = dict(self._stored)
        self._stored_bookings = load.bookings(wanted, self._stored.values())
        self._bookings = dict(self._stored_bookings)
        self._touched: dict[UUID, ReservationState] = {}
        self._touched_bookings: dict[UUID, BookingState] = {}
        self._steps: list[tuple[UUID, Step]] = []
        self.state = State(self._events, self._reservations, self._bookings, now)

    @property
    def event_pks(self) -> list[int]:
        """Ids of the locked events."""
        return [event.id for event in self._events.values()]

    @property
    def first_change(self) -> UUID | None:
        """Id of the first change that is to be written."""
        return self._steps[0][0] if self._steps else None

    def record(self, decision: Decision) -> None:
        """Let the rest of the batch build on ``decision``."""
        for reservation in decision.reservations:
            self._reservations[reservation.id] = self._touched[reservation.id] = reservation
        if booking := decision.booking:
            self._bookings[booking.id] = self._touched_bookings[booking.id] = booking
        for step in decision.steps:
            self._events[step.event.slug] = step.event
            self._steps.append((uuid7(), step))

    def write(self, script: Script) -> None:
        """Store all that was recorded."""
        self._write_events(script)
        self._write_bookings(script)
        self._write_reservations(script)
        script.insert(Change, (self._change(*each) for each in self._steps))

    def _write_events(self, script: Script) -> None:
        changed = [
            event
            for slug, event in self._events.items()
            if event.version != self._stored_events[slug].version
        ]
        script.update_counters(changed)
        for event in changed:
            if event.details:
                Event.objects.filter(pk=event.id).update(**event.details)

    def _write_bookings(self, script: Script) -> None:
        new, known = _split(self._touched_bookings, self._stored_bookings)
        script.insert(Booking, (self._booking(each) for each in new))
        if known:
            cancelled = [booking.id for booking in known]
            Booking.objects.filter(pk__in=cancelled).update(status=Booking.Status.CANCELLED)

    def _write_reservations(self, script: Script) -> None:
        new, known = _split(self._touched, self._stored)
        script.insert(Reservation, (self._reservation(each) for each in new))
        for status in {each.status for each in known}:  # confirmed, cancelled, or none
            changed = [each.id for each in known if each.status == status]
            Reservation.objects.filter(pk__in=changed).update(status=status, expires_at=None)

    def _booking(self, each: BookingState) -> Row:
        return {
            "id": each.id,
            "customer_email": each.customer_email,
            "status": each.status,
            "created_at": each.created_at,
        }

    def _reservation(self, each: ReservationState) -> Row:
        return {
            "id": each.id,
            "event_id": self._events[each.event].id,
            "booking_id": each.booking_id,
            "partner": each.partner,
            "seats": each.seats,
            "status": each.status,
            "created_at": each.created_at,
            "expires_at": each.expires_at,
        }

    def _change(self, pk: UUID, step: Step) -> Row:
        return {
            "id": pk,
            "event_id": step.event.id,
            "version": step.event.version,
            "kind": step.entry.kind,
            "seats": step.entry.seats,
            "available_seats": step.event.available_seats,
            "reservation_id": step.entry.reservation_id,
            "actor": step.entry.actor,
            "at": self.state.now,
        }


def _released(locked: Sequence[EventState], now: datetime | None) -> dict[str, EventState]:
    """Release the expired holds of locked events; return those that had some."""
    holders = {event.id: event for event in locked if event.held_seats}
    released = release_expired_holds(event_pks=holders.keys(), now=now)
    freed = (steps.expiry(holders[each.event_pk], each.holds, each.seats) for each in released)
    return {event.slug: event for event in freed}


def _split(touched: Mapping[UUID, _S], stored: Container[UUID]) -> tuple[list[_S], list[_S]]:
    """Divide the rows to write into new ones and ones that are stored already."""
    new = [state for pk, state in touched.items() if pk not in stored]
    return new, [state for pk, state in touched.items() if pk in stored]
