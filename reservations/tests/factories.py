"""Rows for tests. Seats are sold through the ledger, never by a factory."""

from uuid import UUID

from factory.declarations import SelfAttribute, Sequence
from factory.django import DjangoModelFactory

from reservations.ledger import Book, BookingItem, Reserve, submit
from reservations.models import Event


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    slug = Sequence(lambda n: f"event-{n}")
    name = "An event"
    total_seats = 10
    available_seats = SelfAttribute("total_seats")


def reserve(event: Event, *, seats: int = 1, partner: str = "abc-corp") -> UUID:
    """Sell seats of ``event`` and return the reservation's id."""
    command = Reserve(event=event.slug, partner=partner, seats=seats, actor="test")
    return submit(command).reservation_id


def hold(event: Event, *, seats: int = 1, partner: str = "abc-corp", seconds: int = 600) -> UUID:
    """Hold seats of ``event`` and return the reservation's id."""
    command = Reserve(
        event=event.slug, partner=partner, seats=seats, actor="test", hold_seconds=seconds
    )
    return submit(command).reservation_id


def book(*events: Event, seats: int = 1, email: str = "ada@example.com") -> UUID:
    """Sell seats of all ``events`` at once and return the booking's id."""
    items = tuple(BookingItem(event=event.slug, seats=seats) for event in events)
    return submit(Book(customer_email=email, items=items, actor="test")).booking_id
