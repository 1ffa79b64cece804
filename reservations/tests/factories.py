"""Factories for test data. Seats are sold through the ledger, never by writing rows."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from factory.declarations import SelfAttribute, Sequence
from factory.django import DjangoModelFactory

from reservations.access import verification
from reservations.access.caller import Caller
from reservations.access.keys import issue_key, revoke_key
from reservations.access.tokens import Token
from reservations.access.verification import verify
from reservations.ledger import submit
from reservations.ledger.commands import Book, BookingItem, Reserve
from reservations.models import Event, Partner, Reservation, Scope


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    slug = Sequence(lambda n: f"event-{n}")
    name = "An event"
    total_seats = 10
    available_seats = SelfAttribute("total_seats")


class PartnerFactory(DjangoModelFactory[Partner]):
    class Meta:
        model = Partner

    slug = Sequence(lambda n: f"partner-{n}")
    name = "A partner"


def issue(
    partner: Partner, *scopes: Scope, expires_at: datetime | None = None, revoked: bool = False
) -> Token:
    """Issue a key to ``partner``, with both scopes by default."""
    scopes = scopes or (Scope.READ, Scope.SELL)
    token = issue_key(partner=partner.slug, scopes=scopes, expires_at=expires_at, by="test")
    if revoked:
        revoke_key(key_id=token.id, by="test")
    return token


def forget_keys() -> None:
    """Empty the cache of keys, as in a new process."""
    verification._known.clear()
    verification._verified.clear()
    verification._unknown.clear()


def caller_of(partner: Partner) -> Caller:
    """Return the caller of a request with a new key of ``partner``."""
    caller = verify(str(issue(partner)))
    assert caller
    return caller


def reservation_of(
    event: Event | str, seats: int = 1, *, partner: str = "abc-corp", **values: Any
) -> Reserve:
    """Return the command that reserves seats of ``event``, an event or its slug."""
    slug = event if isinstance(event, str) else event.slug
    return Reserve(event=slug, partner=partner, seats=seats, actor="test", **values)


def reserve(event: Event, *, seats: int = 1, partner: str = "abc-corp") -> UUID:
    """Sell seats of ``event``; return the id of the reservation."""
    return submit(reservation_of(event, seats, partner=partner)).id


def hold(event: Event, *, seats: int = 1, seconds: int = 60) -> UUID:
    """Hold seats of ``event``; return the id of the reservation."""
    return submit(reservation_of(event, seats, hold_seconds=seconds)).id


def expire_hold(*reservation_ids: UUID) -> None:
    """Make holds expire, without releasing their seats yet."""
    held = Reservation.objects.filter(pk__in=reservation_ids, status="held")
    held.update(expires_at=Now() - timedelta(seconds=1))


def booking_of(
    *requested: Event | tuple[Event, int],
    email: str = "ada@example.com",
    caller: Caller | None = None,
) -> Book:
    """Return the command that books one seat, or the given number, of each event."""
    items = [each if isinstance(each, tuple) else (each, 1) for each in requested]
    return Book(
        customer_email=email,
        items=tuple(BookingItem(event=event.slug, seats=seats) for event, seats in items),
        actor="test",
        caller=caller,
    )


def book(*requested: Event | tuple[Event, int], email: str = "ada@example.com") -> UUID:
    """Book one seat, or the given number, of each event; return the id of the booking."""
    return submit(booking_of(*requested, email=email)).id
