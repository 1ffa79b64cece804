"""How an event goes from one version to the next: each step is one change of its history."""

from collections.abc import Iterator
from dataclasses import replace

from reservations.ledger.commands import Edits
from reservations.ledger.state import Entry, EventState, ReservationState, Step


def sale(event: EventState, reservation: ReservationState, actor: str) -> Step:
    """Sell the seats of ``reservation``."""
    entry = Entry("confirmed", -reservation.seats, actor, reservation.id)
    return Step(_advance(event, entry, reservations=1), entry)


def hold(event: EventState, reservation: ReservationState, actor: str) -> Step:
    """Hold the seats of ``reservation``."""
    entry = Entry("held", -reservation.seats, actor, reservation.id)
    return Step(_advance(event, entry, held=reservation.seats), entry)


def confirmation(event: EventState, held: ReservationState, actor: str) -> Step:
    """Turn held seats into sold ones."""
    entry = Entry("hold_confirmed", 0, actor, held.id)
    return Step(_advance(event, entry, held=-held.seats, reservations=1), entry)


def cancellation(event: EventState, reservation: ReservationState, actor: str) -> Step:
    """Give back the seats of a held or confirmed reservation."""
    entry = Entry("cancelled", reservation.seats, actor, reservation.id)
    if reservation.status == "held":
        return Step(_advance(event, entry, held=-reservation.seats), entry)
    return Step(_advance(event, entry, reservations=-1), entry)


def expiry(event: EventState, holds: int, seats: int) -> EventState:
    """Give back the ``seats`` of so many expired holds, one version for each."""
    return replace(
        event,
        available_seats=event.available_seats + seats,
        held_seats=event.held_seats - seats,
        version=event.version + holds,
    )


def edit(event: EventState, edits: Edits, actor: str) -> Iterator[Step]:
    """Give the event new details, a new capacity, or both, one version for each."""
    details = {name: value for name, value in edits.items() if name != "total_seats"}
    if details:
        entry = Entry("edited", 0, actor)
        event = replace(
            _advance(event, entry),
            name=edits.get("name", event.name),
            details={**event.details, **details},
        )
        yield Step(event, entry)
    if "total_seats" in edits:
        entry = Entry("capacity", edits["total_seats"] - event.total_seats, actor)
        yield Step(replace(_advance(event, entry), total_seats=edits["total_seats"]), entry)


def _advance(
    event: EventState, entry: Entry, *, held: int = 0, reservations: int = 0
) -> EventState:
    return replace(
        event,
        available_seats=event.available_seats + entry.seats,
        held_seats=event.held_seats + held,
        reservation_count=event.reservation_count + reservations,
        version=event.version + 1,
    )
