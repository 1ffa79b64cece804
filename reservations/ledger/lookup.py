"""Finds the events of a command before it is queued, and refuses what does not exist.

The lookups of a process share a query. So requests for events, reservations and bookings that do
not exist take neither a queue of the ledger nor a transaction, and together at most one connection.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from reservations.access.caller import owns
from reservations.errors import BookingNotFound, EventNotFound, Refusal, ReservationNotFound
from reservations.idempotency.store import is_stored
from reservations.ledger.commands import Cancel, CancelBooking, Command, Confirm
from reservations.models import Event, Reservation, is_slug
from reservations.shared_reads import SharedReader

Found = tuple[str, ...] | Refusal
"""The slugs of a command's events, or the refusal of the command."""

_Owned = tuple[str, tuple[str, ...]]
"""The partner that a reservation or booking belongs to, and the slugs of its events."""
_MISSING: _Owned = "", ()

_existing: set[str] = set()
"""Slugs of events that this process has seen, to spare their buyers the lookup. A slug never
changes. If its event has been deleted, the ledger refuses the command. Only the slugs of events
enter, so clients cannot make the set grow."""


def find_slugs(command: Command) -> Found:
    """Return the slugs of the events of ``command``, or its refusal if something does not exist.

    The refusal is ``EventNotFound`` (the first in the order of the command),
    ``ReservationNotFound`` or ``BookingNotFound``; what belongs to another partner than the caller
    does not exist for it. The slugs can be found without a lock: the event
    of a reservation and the items of a booking never change.

    Raises:
        Busy: too many calls are waiting, or the call waited too long.
    """
    slugs = command.slugs
    if slugs and _existing.issuperset(slugs):
        return slugs
    unseen = next((slug for slug in slugs if slug not in _existing), None)
    if unseen is not None and not is_slug(unseen):
        return EventNotFound(unseen)
    found = _reader.get(command)
    key = command.idempotency_key
    if isinstance(found, Refusal) and key and is_stored(key):
        # The ledger replays the outcome, even if the event has been deleted since.
        return slugs
    return found


def _look_up(batch: Sequence[Command]) -> list[Found]:
    events = _find_events(slug for each in batch for slug in each.slugs)
    reservations = _find_reservations(
        [each.reservation_id for each in batch if isinstance(each, Confirm | Cancel)]
    )
    bookings = _find_bookings(
        [each.booking_id for each in batch if isinstance(each, CancelBooking)]
    )
    _existing.update(events)

    def answer(command: Command) -> Found:
        match command:
            case Confirm() | Cancel():
                partner, slugs = reservations.get(command.reservation_id, _MISSING)
                exists = slugs and owns(command.caller, partner)
                return slugs if exists else ReservationNotFound()
            case CancelBooking():
                partner, slugs = bookings.get(command.booking_id, _MISSING)
                exists = slugs and owns(command.caller, partner)
                return slugs if exists else BookingNotFound()
        missing = next((slug for slug in command.slugs if slug not in events), None)
        return command.slugs if missing is None else EventNotFound(missing)

    return [answer(each) for each in batch]


def _find_events(slugs: Iterable[str]) -> set[str]:
    valid = set(filter(is_slug, slugs))
    events = Event.objects.filter(slug__in=valid)
    return set(events.values_list("slug", flat=True)) if valid else set()


def _find_reservations(pks: Sequence[UUID]) -> dict[UUID, _Owned]:
    reservations = Reservation.objects.filter(pk__in=pks).order_by()
    found = reservations.values_list("pk", "partner", "event__slug") if pks else ()
    return {pk: (partner, (slug,)) for pk, partner, slug in found}


def _find_bookings(pks: Sequence[UUID]) -> dict[UUID | None, _Owned]:
    items = Reservation.objects.filter(booking__in=pks).order_by("pk")
    rows = items.values_list("booking_id", "booking__partner", "event__slug") if pks else ()
    found: dict[UUID | None, _Owned] = {}
    for booking, partner, slug in rows:
        _, slugs = found.get(booking, _MISSING)
        found[booking] = partner, (*slugs, slug)
    return found


_reader = SharedReader(_look_up)
