"""The rules of bookings: all items or none."""

from collections.abc import Iterable
from dataclasses import replace

from reservations.errors import (
    BookingAlreadyCancelled,
    BookingNotFound,
    EventNotFound,
    InsufficientSeats,
    Refusal,
    Shortage,
)
from reservations.ledger import steps
from reservations.ledger.commands import Book, CancelBooking
from reservations.ledger.outcomes import Booked, BookedItem, BookingCancelled
from reservations.ledger.state import BookingState, Decision, ReservationState, State


def book(state: State, command: Book) -> Decision | Refusal:
    """Sell every item of ``command``, or none."""
    refusal = _refuse(state, command)
    if refusal:
        return refusal
    assert state.now
    booking = BookingState(
        id=command.booking_id,
        customer_email=command.customer_email,
        status="confirmed",
        created_at=state.now,
        items=tuple(item.reservation_id for item in command.items),
    )
    items = tuple(
        ReservationState(
            id=item.reservation_id,
            event=item.event,
            seats=item.seats,
            status="confirmed",
            booking_id=booking.id,
            created_at=state.now,
        )
        for item in command.items
    )
    return Decision(
        outcome=Booked(
            booking.id, booking.customer_email, booking.created_at, _booked(state, items)
        ),
        steps=tuple(steps.sale(state.events[each.event], each, command.actor) for each in items),
        reservations=items,
        booking=booking,
    )


def _refuse(state: State, command: Book) -> Refusal | None:
    for item in command.items:
        if item.event not in state.events:
            return EventNotFound(item.event)
    shortages = tuple(
        Shortage(item.event, item.seats, state.events[item.event].available_seats)
        for item in command.items
        if item.seats > state.events[item.event].available_seats
    )
    return InsufficientSeats(shortages) if shortages else None


def cancel_booking(state: State, command: CancelBooking) -> Decision | Refusal:
    """Give back the seats of all items."""
    booking = state.bookings.get(command.booking_id)
    if booking is None:
        return BookingNotFound()
    if booking.status == "cancelled":
        return BookingAlreadyCancelled()
    items = tuple(state.reservations[item] for item in booking.items)
    return Decision(
        outcome=BookingCancelled(
            booking.id, booking.customer_email, booking.created_at, _booked(state, items)
        ),
        steps=tuple(
            steps.cancellation(state.events[each.event], each, command.actor) for each in items
        ),
        reservations=tuple(replace(each, status="cancelled") for each in items),
        booking=replace(booking, status="cancelled"),
    )


def _booked(state: State, items: Iterable[ReservationState]) -> tuple[BookedItem, ...]:
    return tuple(
        BookedItem(each.event, state.events[each.event].name, each.seats) for each in items
    )
