"""The proof: an event's changes, replayed, must give its counters and its reservations."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count, F, IntegerField, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from reservations.models import Change, Event, Reservation


@dataclass(frozen=True, slots=True)
class Drift:
    """A figure that is not what the event's history says it must be."""

    event: str
    column: str
    stored: int
    expected: int

    @property
    def amount(self) -> int:
        """How much too high the stored figure is; negative if too low."""
        return self.stored - self.expected


@dataclass(slots=True)
class _Replay:
    """The counters after each change, starting from all seats available at version 0."""

    total_seats: int
    available_seats: int
    reservation_count: int = 0
    version: int = 0
    misplaced: int = 0
    """Changes whose version or available seats do not follow from the one before."""

    def apply(self, change: Change) -> None:
        self.version += 1
        self.available_seats += change.seats
        match change.kind:
            case Change.Kind.CONFIRMED:
                self.reservation_count += 1
            case Change.Kind.CANCELLED:
                self.reservation_count -= 1
            case Change.Kind.CAPACITY:
                self.total_seats += change.seats
        if (change.version, change.available_seats) != (self.version, self.available_seats):
            self.misplaced += 1


def audit(events: QuerySet[Event]) -> Iterator[tuple[Event, list[Drift]]]:
    """Yield each of ``events`` with its drifts: none, if the books are true.

    Sees one moment of the database however long it takes, and keeps nobody from selling.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        for event in events.order_by("pk"):
            yield event, list(_drifts(event))


def _drifts(event: Event) -> Iterator[Drift]:
    replay = _replay(event)
    live = _live_reservations(event)
    figures = [
        ("total_seats", event.total_seats, replay.total_seats),
        ("available_seats", event.available_seats, replay.available_seats),
        ("reservation_count", event.reservation_count, replay.reservation_count),
        ("version", event.version, replay.version),
        ("change.version", replay.misplaced, 0),
        ("reservation.seats", live["seats"], event.total_seats - event.available_seats),
        ("reservation.status", live["count"], event.reservation_count),
        ("change.reservation", _unmatched_reservations(event), 0),
    ]
    for column, stored, expected in figures:
        if stored != expected:
            yield Drift(event.slug, column, stored, expected)


def _replay(event: Event) -> _Replay:
    changes = event.changes.order_by("version")
    first = changes.first()
    opening = first.available_seats - first.seats if first else event.available_seats
    replay = _Replay(total_seats=opening, available_seats=opening)
    for change in changes.iterator():
        replay.apply(change)
    return replay


def _live_reservations(event: Event) -> dict[str, int]:
    return event.reservations.filter(status=Reservation.Status.CONFIRMED).aggregate(
        seats=Coalesce(Sum("seats"), 0), count=Count("pk")
    )


def _unmatched_reservations(event: Event) -> int:
    """Count the reservations whose changes do not add up to what they hold now."""
    held = Q(status=Reservation.Status.CONFIRMED)
    booked = event.reservations.annotate(
        moved=Coalesce(Sum("changes__seats"), Value(0), output_field=IntegerField())
    )
    return booked.exclude(held & Q(moved=-F("seats"))).exclude(~held & Q(moved=0)).count()
