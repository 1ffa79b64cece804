"""The business rules: whether a command is accepted in the current state, and what it changes.

Pure functions, without database, clock or Django. ``execute_batch`` loads a ``State`` under the
events' locks, calls ``decide`` and ``State.evolve`` for each command in order, and saves the
resulting rows.
"""

from datetime import timedelta
from typing import Literal, assert_never

from msgspec.structs import replace

from reservations import errors
from reservations.access.caller import owns
from reservations.ledger import commands, outcomes
from reservations.ledger.event_rules import (
    Result,
    edit_event,
    open_sales,
    pause_sales,
    refuse_sale,
)
from reservations.ledger.state import BookingRow, Decision, EventRow, ReservationRow, State


def decide(  # noqa: C901, PLR0911 (a case for each command)
    state: State, command: commands.Command
) -> Result:
    """Return the outcome of ``command`` and the rows it changes, or its refusal.

    A command whose key is no longer valid is refused with ``Unauthorized``.
    """
    if command.caller and command.caller.key_id in state.rejected_keys:
        return errors.Unauthorized()
    match command:
        case commands.Reserve():
            return _reserve(state, command)
        case commands.Confirm():
            return _confirm(state, command)
        case commands.Cancel():
            return _cancel(state, command)
        case commands.Book():
            return _book(state, command)
        case commands.CancelBooking():
            return _cancel_booking(state, command)
        case commands.EditEvent():
            return edit_event(state, command)
        case commands.PauseSales():
            return pause_sales(state, command)
        case commands.OpenSales():
            return open_sales(state, command)
        case commands.ReleaseHolds():
            return _release_holds(state, command)
        case _:
            assert_never(command)


def _reserve(state: State, command: commands.Reserve) -> Result:
    event = state.event(command.event)
    if event is None:
        return errors.EventNotFound(command.event)
    if not owns(command.caller, command.partner):
        return errors.ForeignPartner()
    if refusal := _refuse_version(event, command) or refuse_sale(event, state.now):
        return refusal
    if command.seats > event.available_seats:
        return errors.NotEnoughSeats(command.seats, event.available_seats)
    status: Literal["confirmed", "held"] = "confirmed"
    expires_at = None
    if command.hold_seconds is not None:
        status, expires_at = "held", state.now + timedelta(seconds=command.hold_seconds)
    reservation = ReservationRow(
        id=command.reservation_id,
        event_id=event.id,
        seats=command.seats,
        status=status,
        created_at=state.now,
        partner=command.partner,
        expires_at=expires_at,
    )
    outcome = outcomes.Reserved(reservation.id, reservation.seats, status, expires_at)
    return Decision(outcome, command.actor, (reservation,))


def _refuse_version(event: EventRow, command: commands.Reserve) -> errors.Refusal | None:
    if command.if_match is not None and event.version not in command.if_match:
        return errors.PreconditionFailed(event.version)
    if command.expected_version not in {None, event.version}:
        return errors.VersionConflict(event.version)
    return None


def _confirm(state: State, command: commands.Confirm) -> Result:
    reservation = _find_reservation(state, command)
    if reservation is None or reservation.status == "cancelled":
        return errors.ReservationNotFound()
    if reservation.booking_id:
        return errors.PartOfBooking(reservation.booking_id)
    if reservation.status == "expired":
        return errors.HoldExpired()
    outcome = outcomes.Confirmed(
        reservation.id,
        state.events[reservation.event_id].slug,
        reservation.partner,
        reservation.seats,
        reservation.created_at,
    )
    confirmed = replace(reservation, status="confirmed", expires_at=None)
    return Decision(outcome, command.actor, (confirmed,))


def _cancel(state: State, command: commands.Cancel) -> Result:
    reservation = _find_reservation(state, command)
    if reservation is None or reservation.status not in {"held", "confirmed"}:
        return errors.ReservationNotFound()
    if reservation.booking_id:
        return errors.PartOfBooking(reservation.booking_id)
    outcome = outcomes.Cancelled(reservation.id, reservation.seats)
    cancelled = replace(reservation, status="cancelled", expires_at=None)
    return Decision(outcome, command.actor, (cancelled,))


def _find_reservation(
    state: State, command: commands.Confirm | commands.Cancel
) -> ReservationRow | None:
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None or not owns(command.caller, reservation.partner):
        return None
    return reservation


def _book(state: State, command: commands.Book) -> Result:
    requested = [(item, state.event(item.event)) for item in command.items]
    for item, event in requested:
        if event is None:
            return errors.EventNotFound(item.event)
    found = [(item, event) for item, event in requested if event]
    for _, event in found:
        if refusal := refuse_sale(event, state.now):
            return refusal
    shortages = tuple(
        errors.Shortage(item.event, item.seats, event.available_seats)
        for item, event in found
        if item.seats > event.available_seats
    )
    if shortages:
        return errors.InsufficientSeats(shortages)
    items = tuple(
        ReservationRow(
            id=item.reservation_id,
            event_id=event.id,
            seats=item.seats,
            status="confirmed",
            created_at=state.now,
            booking_id=command.booking_id,
        )
        for item, event in found
    )
    booking = BookingRow(
        command.booking_id,
        command.customer_email,
        command.canonical_email,
        "confirmed",
        state.now,
        command.caller.partner if command.caller else "",
        tuple(item.id for item in items),
    )
    return _booking_decision(outcomes.Booked, state, booking, items, command.actor)


def _cancel_booking(state: State, command: commands.CancelBooking) -> Result:
    booking = state.bookings.get(command.booking_id)
    if booking is None or not owns(command.caller, booking.partner):
        return errors.BookingNotFound()
    if booking.status == "cancelled":
        return errors.BookingAlreadyCancelled()
    items = tuple(replace(state.reservations[pk], status="cancelled") for pk in booking.items)
    cancelled = replace(booking, status="cancelled")
    return _booking_decision(outcomes.BookingCancelled, state, cancelled, items, command.actor)


def _booking_decision(
    outcome_type: type[outcomes.Booked | outcomes.BookingCancelled],
    state: State,
    booking: BookingRow,
    items: tuple[ReservationRow, ...],
    actor: str,
) -> Decision:
    events = [state.events[item.event_id] for item in items]
    booked_items = tuple(
        outcomes.BookedItem(event.slug, event.name, item.seats)
        for event, item in zip(events, items, strict=True)
    )
    outcome = outcome_type(booking.id, booking.customer_email, booking.created_at, booked_items)
    return Decision(outcome, actor, items, booking)


def _release_holds(state: State, command: commands.ReleaseHolds) -> Result:
    # ``UnitOfWork.load`` has already released the expired holds.
    if state.event(command.event) is None:
        return errors.EventNotFound(command.event)
    return Decision(outcomes.HoldsReleased())
