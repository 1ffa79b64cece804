"""Assertions about an event's numbers."""

from django.db.models import Sum

from reservations.audit import audit
from reservations.models import Event


def live_seats(event: Event) -> int:
    """Seats of the event's held and confirmed reservations, counted row by row."""
    live = event.reservations.filter(status__in=["held", "confirmed"])
    return live.aggregate(seats=Sum("seats"))["seats"] or 0


def assert_inventory(
    event: Event, *, available: int, version: int, reservations: int, held: int = 0
) -> None:
    """The event has these counters, and as many changes and live seats as they say."""
    event.refresh_from_db()
    assert (
        event.available_seats,
        event.version,
        event.reservation_count,
        event.held_seats,
    ) == (available, version, reservations, held)
    assert live_seats(event) == event.total_seats - available
    assert event.changes.count() == version


def assert_no_drift() -> None:
    """Replaying every event's history gives its figures. Needs a transaction of its own."""
    assert [drifts for _, drifts in audit(Event.objects.all()) if drifts] == []
