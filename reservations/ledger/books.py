"""What one transaction reads and writes: events, reservations, bookings, changes.

Few statements whatever the size of the batch: the lock, one read for each kind of row, an update
for each event, and one write for each other table.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from reservations.ledger import load, steps
from reservations.ledger.commands import Book, Command, Confirm, Reserve
from reservations.ledger.expiry import release_expired_holds
from reservations.ledger.lock import lock_events, read_clock
from reservations.ledger.state import (
    BookingState,
    Decision,
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
        self.changes: list[Change] = []
        wanted = load.wanted_by(batch)
        locked = lock_events(slugs=wanted.slugs, pks=wanted.event_pks)
        self._events = {event.slug: event for event in locked}
        self._event_states = {event.slug: load.event_state(event) for event in locked}
        self._now = read_clock() if _time_matters(batch, locked) else None
        self._release_expired_holds()
        slugs = {event.pk: event.slug for event in locked}
        self._stored = load.reservations(wanted, slugs)
        self._reservation_states = dict(self._stored)
        self._stored_bookings = load.bookings(wanted, self._stored.values())
        self._booking_states = dict(self._stored_bookings)
        self._touched: dict[UUID, ReservationState] = {}
        self._touched_bookings: dict[UUID, BookingState] = {}
        self.state = State(
            self._event_states, self._reservation_states, self._booking_states, self._now
        )

    @property
    def event_pks(self) -> list[int]:
        """Ids of the locked events."""
        return [event.pk for event in self._events.values()]

    def _release_expired_holds(self) -> None:
        holders = {event.pk: slug for slug, event in self._events.items() if event.held_seats}
        if not self._now or not holders:
            return
        for released in release_expired_holds(event_pks=holders.keys(), now=self._now):
            slug = holders[released.event_pk]
            state = self._event_states[slug]
            self._event_states[slug] = steps.expiry(state, released.holds, released.seats)

    def record(self, decision: Decision) -> None:
        """Let the rest of the batch build on ``decision``."""
        for reservation in decision.reservations:
            self._reservation_states[reservation.id] = reservation
            self._touched[reservation.id] = reservation
        if decision.booking:
            self._booking_states[decision.booking.id] = decision.booking
            self._touched_bookings[decision.booking.id] = decision.booking
        for step in decision.steps:
            self._event_states[step.event.slug] = step.event
            self.changes.append(self._change(step))

    def _change(self, step: Step) -> Change:
        return Change(
            event=self._events[step.event.slug],
            version=step.event.version,
            kind=step.entry.kind,
            seats=step.entry.seats,
            available_seats=step.event.available_seats,
            reservation_id=step.entry.reservation_id,
            actor=step.entry.actor,
            # Without a time of its own, a row gets that of the INSERT: after the lock, too.
            **({"at": self._now} if self._now else {}),
        )

    def write(self) -> None:
        """Store all that was recorded."""
        self._write_events()
        self._write_bookings()
        self._write_reservations()
        Change.objects.bulk_create(self.changes)

    def _write_events(self) -> None:
        # One statement for each: bulk_update's CASE costs Python more than a round trip takes.
        for slug, event in self._events.items():
            state = self._event_states[slug]
            if state.version == event.version:
                continue
            Event.objects.filter(pk=event.pk).update(
                total_seats=state.total_seats,
                available_seats=state.available_seats,
                held_seats=state.held_seats,
                reservation_count=state.reservation_count,
                version=state.version,
                **state.details,
            )

    def _write_bookings(self) -> None:
        new, known = _split(self._touched_bookings, self._stored_bookings)
        Booking.objects.bulk_create(
            Booking(
                id=booking.id,
                customer_email=booking.customer_email,
                status=booking.status,
                created_at=booking.created_at,
            )
            for booking in new
        )
        if known:
            cancelled = [booking.id for booking in known]
            Booking.objects.filter(pk__in=cancelled).update(status=Booking.Status.CANCELLED)

    def _write_reservations(self) -> None:
        new, known = _split(self._touched, self._stored)
        Reservation.objects.bulk_create(self._reservation(each) for each in new)
        for status in {each.status for each in known}:  # confirmed, cancelled, or none
            changed = [each.id for each in known if each.status == status]
            Reservation.objects.filter(pk__in=changed).update(status=status, expires_at=None)

    def _reservation(self, state: ReservationState) -> Reservation:
        made: dict[str, Any] = {"created_at": state.created_at} if state.created_at else {}
        return Reservation(
            id=state.id,
            event=self._events[state.event],
            booking_id=state.booking_id,
            partner=state.partner,
            seats=state.seats,
            status=state.status,
            expires_at=state.expires_at,
            **made,
        )


def _time_matters(batch: Sequence[Command], events: Iterable[Event]) -> bool:
    return any(event.held_seats for event in events) or any(
        isinstance(command, Book | Confirm)
        or (isinstance(command, Reserve) and command.hold_seconds)
        for command in batch
    )


def _split(touched: Mapping[UUID, _S], stored: Container[UUID]) -> tuple[list[_S], list[_S]]:
    """Divide the rows to write into new ones and ones that are stored already."""
    new = [state for pk, state in touched.items() if pk not in stored]
    return new, [state for pk, state in touched.items() if pk in stored]
