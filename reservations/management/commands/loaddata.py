"""``manage.py loaddata``: Django's command, which here never makes an event inconsistent."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.management.commands import loaddata
from django.core.serializers.base import DeserializationError, DeserializedObject
from django.db import DataError, IntegrityError
from django.db.models import Exists, Model, OuterRef, Q
from django.template.defaultfilters import pluralize

from reservations import sql
from reservations.audit import find_drifts
from reservations.database_errors import UNAVAILABLE
from reservations.models import Booking, Change, Event, Reservation
from reservations.models.booking import fill_canonical_emails

_INVALID = (DeserializationError, DataError, IntegrityError, ValidationError, ValueError)
# Of a reservation or a booking: confirming a hold and cancelling cannot be undone.
_STAGES = {"held": 0, "confirmed": 1, "expired": 2, "cancelled": 2}


class Command(loaddata.Command):
    """Django's ``loaddata``, which loads events with their complete history or not at all.

    Rows that the database already contains stay as they are, unless the fixture has a later state
    of them. Exit codes: 0 loaded, or nothing to load; 1 refused, nothing was loaded.
    """

    help = "Load fixtures. Keeps the sales that are in the database, and refuses incomplete events"

    def handle(self, *fixture_labels: Any, **options: Any) -> None:
        """Run the command."""
        self._inventory = _Inventory()
        try:
            super().handle(*fixture_labels, **options)
        except UNAVAILABLE as error:
            text = "Nothing was loaded, because the database is busy or not available. Try again."
            raise CommandError(text) from error
        except _INVALID as error:
            raise CommandError(f"Nothing was loaded. {_first_line(error)}") from error

    def loaddata(self, fixture_labels: Any) -> None:
        """Load the fixtures in the transaction that Django has opened."""
        sql.set_for_transaction(statement_timeout=0, idle_in_transaction_session_timeout=0)
        super().loaddata(fixture_labels)
        if self.verbosity >= 1 and self._inventory.kept:
            self.stdout.write(self._inventory.summary())

    def reset_sequences(self, connection: Any, models: Any) -> None:
        """Check the loaded events; this is the last step before Django reports success."""
        self._inventory.check()
        super().reset_sequences(connection, models)

    def save_obj(self, obj: DeserializedObject) -> bool:
        """Save a row of a fixture, unless the database keeps its own."""
        if not self._excludes(obj.object) and self._inventory.keeps(obj.object):
            return False
        return super().save_obj(obj)

    def _excludes(self, row: Model) -> bool:
        return type(row) in self.excluded_models or row._meta.app_config in self.excluded_apps


class _Inventory:
    """Decides which rows of events are loaded, and checks these events afterwards."""

    def __init__(self) -> None:
        self.kept = 0
        """Number of rows that were in the database already."""
        self._changed = 0
        self._locked = False
        self._slugs: set[str] = set()
        self._event_pks: set[int] = set()
        self._has_bookings = False

    def keeps(self, row: Model) -> bool:
        """Return whether the database keeps its row, the same or a later one, and not ``row``.

        Raises:
            CommandError: the row is an event that would replace another one.
        """
        if row._meta.app_label != Event._meta.app_label:
            return False
        self._lock_events()
        stored = _stored_event(row) if isinstance(row, Event) else _stored(row)
        if stored and _stage(row) <= _stage(stored):
            self.kept += 1
            self._changed += _differs(row, stored)
            return True
        self._add(row)
        return False

    def check(self) -> None:
        """Check all events of which rows were loaded, and complete the bookings.

        Raises:
            CommandError: an event is incomplete or inconsistent.
        """
        if self._has_bookings:
            fill_canonical_emails(Booking.objects)  # A dump of an older version lacks them.
        events = Event.objects.filter(Q(slug__in=self._slugs) | Q(pk__in=self._event_pks))
        found = list(events.order_by("pk"))
        if unknown := self._event_pks - {event.pk for event in found}:
            raise _refusal(f"there is no event with the id {min(unknown)}")
        items = Reservation.objects.filter(booking=OuterRef("pk"))
        if self._has_bookings and Booking.objects.filter(~Exists(items)).exists():
            raise _refusal("a booking has no reservations")
        for event in found:
            for drift in find_drifts(event):
                raise _refusal(
                    f"of the event {event.slug}, {drift.column} would be {drift.stored} "
                    f"instead of {drift.expected}"
                )

    def summary(self) -> str:
        """Return sentences about the rows that were kept."""
        text = (
            f"{self.kept} row{pluralize(self.kept)} {pluralize(self.kept, 'was,were')} in the "
            f"database already and {pluralize(self.kept, 'stays,stay')} as before."
        )
        if self._changed:
            text += (
                f" {self._changed} of them {pluralize(self._changed, 'differs,differ')} from the "
                "fixture, because of later sales or edits. To go back to an earlier state, "
                "restore a backup (docs/operations.md)."
            )
        return text

    def _lock_events(self) -> None:
        """Lock all events, in the order of the ledger, so that no sale changes them."""
        if not self._locked:
            self._locked = True
            list(Event.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))

    def _add(self, row: Model) -> None:
        match row:
            case Event():
                self._slugs.add(row.slug)
            case Reservation() | Change():
                self._event_pks.add(row.event_id)
            case Booking():
                self._has_bookings = True
                self._event_pks.update(_events_of(row))


def _stored_event(row: Event) -> Event | None:
    """Return the event in the database that ``row`` describes, and give ``row`` its primary key.

    Raises:
        CommandError: the database has another event with this primary key, or another primary key
            for this event.
    """
    same = Q(slug=row.slug) | Q(pk=row.pk)
    for stored in Event.objects.select_for_update(no_key=True).filter(same).order_by("pk"):
        if stored.slug != row.slug or row.pk not in {None, stored.pk}:
            raise _refusal(
                f"the event {row.slug} has the id {row.pk}, but the event {stored.slug} with the "
                f"id {stored.pk} exists"
            )
        row.pk = stored.pk
        return stored
    return None


def _stored(row: Model) -> Model | None:
    return type(row)._default_manager.filter(pk=row.pk).first()


def _stage(row: Model) -> int:
    """Return how far a row has got: its states follow each other in this order only."""
    match row:
        case Event(version=version):
            return version or 0
        case Booking(status=status) | Reservation(status=status):
            return _STAGES.get(status, 0)
    return 0  # The other rows never change.


def _events_of(booking: Booking) -> Iterator[int]:
    return booking.items.order_by("pk").values_list("event_id", flat=True).iterator()


def _differs(row: Model, stored: Model) -> bool:
    names = [each.attname for each in row._meta.concrete_fields]
    return any(_dumped(getattr(row, name)) != _dumped(getattr(stored, name)) for name in names)


def _dumped(value: object) -> object:
    """Return ``value`` as in a fixture: ``dumpdata`` cuts times to milliseconds."""
    if not isinstance(value, datetime):
        return value
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def _refusal(reason: str) -> CommandError:
    return CommandError(
        f"Nothing was loaded: {reason}. A fixture must contain each event with all its bookings, "
        "reservations and changes. To go back to an earlier state, restore a backup "
        "(docs/operations.md)."
    )


def _first_line(error: Exception) -> str:
    return next(iter(f"{error} {error.__cause__ or ''}".strip().splitlines()), repr(error))
