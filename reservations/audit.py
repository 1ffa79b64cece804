"""Checks the inventory: replays an event's changes and compares the result with what is stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from reservations import sql
from reservations.models import Change, Event, Reservation

_CONFIRMED = Q(status=Reservation.Status.CONFIRMED)
_HELD = Q(status=Reservation.Status.HELD)


@dataclass(frozen=True, slots=True)
class Drift:
    """A stored figure that differs from its expected value."""

    event: str | None
    """The event's slug, or None for rows whose event does not exist."""
    column: str
    """A column of the event, or a check of related rows, for example ``change.version``."""
    stored: int
    expected: int

    @property
    def amount(self) -> int:
        """The stored minus the expected value."""
        return self.stored - self.expected


@dataclass(slots=True)
class _Replay:
    """The counters of an event during a replay, which starts at version 0 with no seats taken."""

    total_seats: int
    available_seats: int
    holds: dict[UUID | None, int] = field(default_factory=dict)
    """The seats of each open hold, by reservation."""
    reservation_count: int = 0
    version: int = 0
    sales_paused: bool | None = None
    """Whether sales are paused, or None before the first change that tells."""
    invalid_changes: int = 0
    """Number of changes that do not follow from the previous ones: the version or the available
    seats are wrong, or the change ends a hold that is not open."""

    @property
    def held_seats(self) -> int:
        return sum(self.holds.values())

    def apply(self, change: Change) -> None:
        self.version += 1
        self.available_seats += change.seats
        held = self.holds.pop(change.reservation_id, None)
        match change.kind:
            case Change.Kind.HELD:
                self.holds[change.reservation_id] = -change.seats
            case Change.Kind.CONFIRMED | Change.Kind.HOLD_CONFIRMED:
                self.reservation_count += 1
            case Change.Kind.CANCELLED if held is None:
                self.reservation_count -= 1
            case _:
                self._apply_to_event(change)
        if not self._follows(change, held):
            self.invalid_changes += 1

    def _apply_to_event(self, change: Change) -> None:
        match change.kind:
            case Change.Kind.CAPACITY:
                self.total_seats += change.seats
            case Change.Kind.PAUSED | Change.Kind.OPENED:
                self.sales_paused = change.kind == Change.Kind.PAUSED

    def _follows(self, change: Change, held: int | None) -> bool:
        ends_hold = change.kind in {Change.Kind.HOLD_CONFIRMED, Change.Kind.EXPIRED}
        numbers = (change.version, change.available_seats)
        return numbers == (self.version, self.available_seats) and not (ends_hold and held is None)


def audit(events: QuerySet[Event]) -> Iterator[tuple[Event, list[Drift]]]:
    """Yield each of ``events`` with its drifts; the list is empty if the event is consistent.

    Reads a single snapshot of the database, without a statement timeout. Takes no locks, so sales
    continue while it runs.
    """
    with _snapshot():
        for event in events.order_by("pk"):
            yield event, list(find_drifts(event))


def find_orphans() -> list[Drift]:
    """Return a drift for each kind of row, reservation or change, whose event does not exist.

    Reads both tables completely, in a single snapshot, without a statement timeout or locks.
    """
    event = Event.objects.filter(pk=OuterRef("event"))
    with _snapshot():
        figures = {
            "reservation.event": Reservation.objects.filter(~Exists(event)).count(),
            "change.event": Change.objects.filter(~Exists(event)).count(),
        }
    return [Drift(None, column, stored, 0) for column, stored in figures.items() if stored]


def find_drifts(event: Event) -> Iterator[Drift]:
    """Yield the drifts of ``event``.

    No sale may change the event in the meantime: lock it, or read a single snapshot.
    """
    replay = _replay(event)
    live = _live_reservations(event)
    paused = event.sales_paused if replay.sales_paused is None else replay.sales_paused
    figures = [
        ("total_seats", event.total_seats, replay.total_seats),
        ("available_seats", event.available_seats, replay.available_seats),
        ("held_seats", event.held_seats, replay.held_seats),
        ("reservation_count", event.reservation_count, replay.reservation_count),
        ("version", event.version, replay.version),
        ("sales_paused", int(event.sales_paused), int(paused)),
        ("change.version", replay.invalid_changes, 0),
        ("reservation.seats", live["sold"], event.sold_seats),
        ("reservation.held_seats", live["held"], event.held_seats),
        ("reservation.status", live["count"], event.reservation_count),
        ("change.reservation", _unmatched_reservations(event) + _unmatched_changes(event), 0),
        ("booking.status", _unmatched_items(event), 0),
    ]
    for column, stored, expected in figures:
        if stored != expected:
            yield Drift(event.slug, column, stored, expected)


@contextmanager
def _snapshot() -> Iterator[None]:
    with transaction.atomic(durable=True):
        sql.read_one_snapshot()
        sql.set_for_transaction(statement_timeout=0, idle_in_transaction_session_timeout=0)
        yield


def _replay(event: Event) -> _Replay:
    changes = event.changes.order_by("version")
    first = changes.first()
    opening = first.available_seats - first.seats if first else event.available_seats
    replay = _Replay(total_seats=opening, available_seats=opening)
    for change in changes.iterator():
        replay.apply(change)
    return replay


def _live_reservations(event: Event) -> dict[str, int]:
    return event.reservations.aggregate(
        sold=Coalesce(Sum("seats", filter=_CONFIRMED), 0),
        held=Coalesce(Sum("seats", filter=_HELD), 0),
        count=Count("pk", filter=_CONFIRMED),
    )


def _unmatched_reservations(event: Event) -> int:
    """Count the reservations whose changes do not add up to the seats that they now take."""
    live = _CONFIRMED | _HELD
    taken = event.reservations.annotate(
        moved=Coalesce(Sum("changes__seats"), Value(0), output_field=IntegerField())
    )
    return taken.exclude(live & Q(moved=-F("seats"))).exclude(~live & Q(moved=0)).count()


def _unmatched_changes(event: Event) -> int:
    """Count the changes that refer to a reservation that does not exist."""
    reservation = Reservation.objects.filter(pk=OuterRef("reservation"))
    return event.changes.filter(~Exists(reservation), reservation__isnull=False).count()


def _unmatched_items(event: Event) -> int:
    """Count the booking items whose status differs from that of their booking."""
    return (
        event.reservations.filter(booking__isnull=False)
        .exclude(status=F("booking__status"))
        .count()
    )
