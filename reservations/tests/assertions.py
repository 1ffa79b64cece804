"""Assertions about the counters and the history of events."""

from django.db.models import Sum

from reservations.audit import audit, find_orphans
from reservations.models import Event


def live_seats(event: Event) -> int:
    """Return the seats of the event's held and confirmed reservations, summed from the rows."""
    live = event.reservations.filter(status__in=["held", "confirmed"])
    return live.aggregate(seats=Sum("seats"))["seats"] or 0


def assert_inventory(
    event: Event, *, available: int, version: int, reservations: int, held: int = 0
) -> None:
    """Check the event's counters, and that its reservations and changes agree with them."""
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
    """Check every event against its replayed history, and that all rows have an event.

    Must not be called in a transaction.
    """
    assert [drifts for _, drifts in audit(Event.objects.all()) if drifts] == []
    assert find_orphans() == []
