"""The rules of selling: pure functions from what is to what shall be.

No database, no clock, no Django. ``commit`` reads a ``State`` under the events' locks, asks
``decide``, and writes what it answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from reservations.errors import (
    CapacityBelowSold,
    EventNotFound,
    NotEnoughSeats,
    Refusal,
    ReservationNotFound,
)
from reservations.ledger.commands import (
    Cancel,
    Cancelled,
    CapacitySet,
    Command,
    Outcome,
    Reserve,
    Reserved,
    SetCapacity,
)


@dataclass(frozen=True, slots=True)
class EventState:
    """The numbers of one event."""

    slug: str
    total_seats: int
    available_seats: int
    reservation_count: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class ReservationState:
    """One reservation: ``event`` is its event's slug, ``status`` confirmed or cancelled."""

    id: UUID
    event: str
    partner: str
    seats: int
    status: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as the ledger records it; ``seats`` is the signed change of availability."""

    kind: Literal["confirmed", "cancelled", "capacity"]
    seats: int
    actor: str
    reservation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that a command's decision may depend on."""

    events: Mapping[str, EventState]
    reservations: Mapping[UUID, ReservationState]


@dataclass(frozen=True, slots=True)
class Decision:
    """An accepted command: its outcome, and the state after it."""

    outcome: Outcome
    event: EventState
    entry: Entry
    reservation: ReservationState | None = None


def decide(state: State, command: Command) -> Decision | Refusal:
    """Return what ``command`` does to ``state``, or why it is refused."""
    match command:
        case Reserve():
            return _reserve(state, command)
        case Cancel():
            return _cancel(state, command)
        case SetCapacity():
            return _set_capacity(state, command)


def _reserve(state: State, command: Reserve) -> Decision | Refusal:
    event = state.events.get(command.event)
    if event is None:
        return EventNotFound(command.event)
    if command.seats > event.available_seats:
        return NotEnoughSeats(command.seats, event.available_seats)
    reservation = ReservationState(
        command.reservation_id, event.slug, command.partner, command.seats, "confirmed"
    )
    entry = Entry("confirmed", -command.seats, command.actor, reservation.id)
    return Decision(
        outcome=Reserved(reservation.id, reservation.seats),
        event=_advance(event, entry, reservations=1),
        entry=entry,
        reservation=reservation,
    )


def _cancel(state: State, command: Cancel) -> Decision | Refusal:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None or reservation.status != "confirmed":
        return ReservationNotFound()
    entry = Entry("cancelled", reservation.seats, command.actor, reservation.id)
    return Decision(
        outcome=Cancelled(reservation.id, reservation.seats),
        event=_advance(state.events[reservation.event], entry, reservations=-1),
        entry=entry,
        reservation=replace(reservation, status="cancelled"),
    )


def _set_capacity(state: State, command: SetCapacity) -> Decision | Refusal:
    event = state.events.get(command.event)
    if event is None:
        return EventNotFound(command.event)
    sold = event.total_seats - event.available_seats
    if command.total_seats < sold:
        return CapacityBelowSold(command.total_seats, sold)
    entry = Entry("capacity", command.total_seats - event.total_seats, command.actor)
    resized = replace(_advance(event, entry), total_seats=command.total_seats)
    return Decision(
        outcome=CapacitySet(resized.total_seats, resized.available_seats),
        event=resized,
        entry=entry,
    )


def _advance(event: EventState, entry: Entry, *, reservations: int = 0) -> EventState:
    return replace(
        event,
        available_seats=event.available_seats + entry.seats,
        reservation_count=event.reservation_count + reservations,
        version=event.version + 1,
    )
