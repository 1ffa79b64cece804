"""The rules of selling: pure functions from what is to what shall be.

No database, no clock, no Django. ``commit`` reads a ``State`` under the events' locks, asks
``decide``, and writes what it answers.
"""

from dataclasses import replace
from datetime import timedelta

from reservations.errors import (
    CapacityBelowSold,
    EventNotFound,
    HoldExpired,
    NotEnoughSeats,
    PartOfBooking,
    PreconditionFailed,
    Refusal,
    ReservationNotFound,
    VersionConflict,
)
from reservations.ledger import steps
from reservations.ledger.bookings import book, cancel_booking
from reservations.ledger.commands import (
    Book,
    Cancel,
    CancelBooking,
    Command,
    Confirm,
    EditEvent,
    ReleaseHolds,
    Reserve,
)
from reservations.ledger.outcomes import Cancelled, Confirmed, Edited, HoldsReleased, Reserved
from reservations.ledger.state import Decision, EventState, ReservationState, State


def decide(state: State, command: Command) -> Decision | Refusal:  # noqa: C901, PLR0911 (a table)
    """Return what ``command`` does to ``state``, or why it is refused."""
    match command:
        case Reserve():
            return _reserve(state, command)
        case Confirm():
            return _confirm(state, command)
        case Cancel():
            return _cancel(state, command)
        case Book():
            return book(state, command)
        case CancelBooking():
            return cancel_booking(state, command)
        case EditEvent():
            return _edit(state, command)
        case ReleaseHolds():
            return _release(state, command)


def _reserve(state: State, command: Reserve) -> Decision | Refusal:
    event = state.events.get(command.event)
    if event is None:
        return EventNotFound(command.event)
    if command.if_match is not None and event.version not in command.if_match:
        return PreconditionFailed(event.version)
    if command.expected_version not in {None, event.version}:
        return VersionConflict(event.version)
    if command.seats > event.available_seats:
        return NotEnoughSeats(command.seats, event.available_seats)
    return _sell(state, event, command) if command.hold_seconds is None else _hold(state, command)


def _sell(state: State, event: EventState, command: Reserve) -> Decision:
    sold = _new_reservation(state, command)
    return Decision(
        outcome=Reserved(sold.id, sold.seats),
        steps=(steps.sale(event, sold, command.actor),),
        reservations=(sold,),
    )


def _hold(state: State, command: Reserve) -> Decision:
    assert state.now
    assert command.hold_seconds
    expires_at = state.now + timedelta(seconds=command.hold_seconds)
    held = replace(_new_reservation(state, command), status="held", expires_at=expires_at)
    return Decision(
        outcome=Reserved(held.id, held.seats, "held", expires_at),
        steps=(steps.hold(state.events[held.event], held, command.actor),),
        reservations=(held,),
    )


def _new_reservation(state: State, command: Reserve) -> ReservationState:
    return ReservationState(
        id=command.reservation_id,
        event=command.event,
        seats=command.seats,
        status="confirmed",
        partner=command.partner,
        created_at=state.now,
    )


def _confirm(state: State, command: Confirm) -> Decision | Refusal:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None or reservation.status == "cancelled":
        return ReservationNotFound()
    if reservation.booking_id:
        return PartOfBooking(reservation.booking_id)
    if reservation.status == "expired":
        return HoldExpired()
    outcome = _confirmed(reservation)
    if reservation.status == "confirmed":
        return Decision(outcome)
    return Decision(
        outcome=outcome,
        steps=(steps.confirmation(state.events[reservation.event], reservation, command.actor),),
        reservations=(replace(reservation, status="confirmed", expires_at=None),),
    )


def _confirmed(reservation: ReservationState) -> Confirmed:
    assert reservation.created_at
    return Confirmed(
        reservation.id,
        reservation.event,
        reservation.partner,
        reservation.seats,
        reservation.created_at,
    )


def _cancel(state: State, command: Cancel) -> Decision | Refusal:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None or reservation.status not in {"held", "confirmed"}:
        return ReservationNotFound()
    if reservation.booking_id:
        return PartOfBooking(reservation.booking_id)
    return Decision(
        outcome=Cancelled(reservation.id, reservation.seats),
        steps=(steps.cancellation(state.events[reservation.event], reservation, command.actor),),
        reservations=(replace(reservation, status="cancelled", expires_at=None),),
    )


def _edit(state: State, command: EditEvent) -> Decision | Refusal:
    event = state.events.get(command.event)
    if event is None:
        return EventNotFound(command.event)
    taken = event.total_seats - event.available_seats
    total = command.edits.get("total_seats", event.total_seats)
    if total < taken:
        return CapacityBelowSold(total, taken)
    taken_steps = tuple(steps.edit(event, command.edits, command.actor))
    last = taken_steps[-1].event if taken_steps else event
    return Decision(outcome=Edited(last.total_seats, last.available_seats), steps=taken_steps)


def _release(state: State, command: ReleaseHolds) -> Decision | Refusal:
    # Those that had expired are released by now, as before every decision.
    if command.event not in state.events:
        return EventNotFound(command.event)
    return Decision(HoldsReleased())
