"""What one transaction reads and writes: events, reservations, changes.

Few statements whatever the size of the batch: the lock, one read, an update for each event, and
one write for each other table.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from reservations.ledger.commands import Cancel, Command
from reservations.ledger.decide import Decision, Entry, EventState, ReservationState, State
from reservations.ledger.lock import lock_events
from reservations.models import Change, Event, Reservation


class Books:
    """The rows that a batch of commands is about, opened under their events' locks."""

    def __init__(self, batch: Sequence[Command]) -> None:
        """Lock the events of ``batch``, then read all that its decisions depend on."""
        self.changes: list[Change] = []
        cancelled = [command.reservation_id for command in batch if isinstance(command, Cancel)]
        self._events = {
            event.slug: event
            for event in lock_events(
                slugs={command.event for command in batch if not isinstance(command, Cancel)},
                pks=_owners(cancelled),
            )
        }
        self._stored = _read_reservations(cancelled, self._events.values())
        self._touched: dict[UUID, ReservationState] = {}
        self._event_states = {slug: _event_state(row) for slug, row in self._events.items()}
        self._reservation_states = dict(self._stored)
        self.state = State(self._event_states, self._reservation_states)

    def record(self, decision: Decision) -> None:
        """Let the rest of the batch build on ``decision``."""
        if decision.reservation:
            self._reservation_states[decision.reservation.id] = decision.reservation
            self._touched[decision.reservation.id] = decision.reservation
        for step in decision.steps:
            self._event_states[step.event.slug] = step.event
            self.changes.append(self._change(step.event, step.entry))

    def _change(self, event: EventState, entry: Entry) -> Change:
        return Change(
            event=self._events[event.slug],
            version=event.version,
            kind=entry.kind,
            seats=entry.seats,
            available_seats=event.available_seats,
            reservation_id=entry.reservation_id,
            actor=entry.actor,
        )

    def write(self) -> None:
        """Store all that was recorded."""
        if not self.changes:
            return
        self._write_events()
        self._write_reservations()
        Change.objects.bulk_create(self.changes)

    def _write_events(self) -> None:
        # One statement for each: bulk_update's CASE costs Python more than a round trip takes.
        for slug in {change.event.slug for change in self.changes}:
            state = self._event_states[slug]
            Event.objects.filter(pk=self._events[slug].pk).update(
                total_seats=state.total_seats,
                available_seats=state.available_seats,
                reservation_count=state.reservation_count,
                version=state.version,
                **state.details,
            )

    def _write_reservations(self) -> None:
        Reservation.objects.bulk_create(
            Reservation(
                id=reservation.id,
                event=self._events[reservation.event],
                partner=reservation.partner,
                seats=reservation.seats,
                status=reservation.status,
            )
            for reservation in self._touched.values()
            if reservation.id not in self._stored
        )
        Reservation.objects.bulk_update(
            [
                Reservation(id=reservation.id, status=reservation.status)
                for reservation in self._touched.values()
                if reservation.id in self._stored
            ],
            ["status"],
        )


def _owners(reservation_ids: Sequence[UUID]) -> list[int]:
    # A reservation never changes its event: this much may be read before the lock.
    if not reservation_ids:
        return []
    rows = Reservation.objects.filter(pk__in=reservation_ids).order_by()
    return list(rows.values_list("event_id", flat=True).distinct())


def _read_reservations(
    reservation_ids: Sequence[UUID], events: Iterable[Event]
) -> dict[UUID, ReservationState]:
    if not reservation_ids:
        return {}
    # One made since its owner was looked up, at an event that is not locked, is not there yet.
    slugs = {event.pk: event.slug for event in events}
    rows = Reservation.objects.filter(pk__in=reservation_ids, event__in=slugs)
    return {
        row.pk: ReservationState(row.pk, slugs[row.event_id], row.partner, row.seats, row.status)
        for row in rows
    }


def _event_state(event: Event) -> EventState:
    return EventState(
        slug=event.slug,
        total_seats=event.total_seats,
        available_seats=event.available_seats,
        reservation_count=event.reservation_count,
        version=event.version,
    )
