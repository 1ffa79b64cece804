"""The rules of selling: pure functions from what is to what shall be.

No database, no clock, no Django. ``commit`` reads a ``State`` under the events' locks, asks
``decide``, and writes what it answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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
    Command,
    Edited,
    EditEvent,
    Outcome,
    Reserve,
    Reserved,
)


@dataclass(frozen=True, slots=True)
class EventState:
    """The numbers of one event, and its ``details`` (name, venue, date) that are to be written."""

    slug: str
    total_seats: int
    available_seats: int
    reservation_count: int = 0
    version: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


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

    kind: Literal["confirmed", "cancelled", "capacity", "edited"]
    seats: int
    actor: str
    reservation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that a command's decision may depend on."""

    events: Mapping[str, EventState]
    reservations: Mapping[UUID, ReservationState]


@dataclass(frozen=True, slots=True)
class Step:
    """One version of an event: its state from then on, and what the history says of it."""

    event: EventState
    entry: Entry


@dataclass(frozen=True, slots=True)
class Decision:
    """An accepted command: its outcome, the steps it takes, and the reservation after it."""

    outcome: Outcome
    steps: tuple[Step, ...]
    reservation: ReservationState | None = None


def decide(state: State, command: Command) -> Decision | Refusal:
    """Return what ``command`` does to ``state``, or why it is refused."""
    match command:
        case Reserve():
            return _reserve(state, command)
        case Cancel():
            return _cancel(state, command)
        case EditEvent():
            return _edit(state, command)


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
        steps=(Step(_advance(event, entry, reservations=1), entry),),
        reservation=reservation,
    )


def _cancel(state: State, command: Cancel) -> Decision | Refusal:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None or reservation.status != "confirmed":
        return ReservationNotFound()
    entry = Entry("cancelled", reservation.seats, command.actor, reservation.id)
    return Decision(
        outcome=Cancelled(reservation.id, reservation.seats),
        steps=(Step(_advance(state.events[reservation.event], entry, reservations=-1), entry),),
        reservation=replace(reservation, status="cancelled"),
    )


def _edit(state: State, command: EditEvent) -> Decision | Refusal:
    event = state.events.get(command.event)
    if event is None:
        return EventNotFound(command.event)
    sold = event.total_seats - event.available_seats
    total = command.edits.get("total_seats", event.total_seats)
    if total < sold:
        return CapacityBelowSold(total, sold)
    steps = tuple(_edit_steps(event, command))
    last = steps[-1].event if steps else event
    return Decision(outcome=Edited(last.total_seats, last.available_seats), steps=steps)


def _edit_steps(event: EventState, command: EditEvent) -> Iterator[Step]:
    details = {name: value for name, value in command.edits.items() if name != "total_seats"}
    if details:
        entry = Entry("edited", 0, command.actor)
        event = replace(_advance(event, entry), details={**event.details, **details})
        yield Step(event, entry)
    if "total_seats" in command.edits:
        total = command.edits["total_seats"]
        entry = Entry("capacity", total - event.total_seats, command.actor)
        yield Step(replace(_advance(event, entry), total_seats=total), entry)


def _advance(event: EventState, entry: Entry, *, reservations: int = 0) -> EventState:
    return replace(
        event,
        available_seats=event.available_seats + entry.seats,
        reservation_count=event.reservation_count + reservations,
        version=event.version + 1,
    )
