"""An event and its counters."""

import re

from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from psycopg import errors as psycopg_errors

from reservations.errors import EventExists

DEFAULT_EVENT = "node-meetup-2025"
"""Slug of the event that a request means when it names none; a data migration seeds it."""

_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,100}")


def is_slug(text: str) -> bool:
    """Return whether an event can be named ``text``.

    PostgreSQL refuses to compare some of the text that cannot: NUL bytes, lone surrogates.
    """
    return _SLUG.fullmatch(text) is not None


class EventManager(models.Manager["Event"]):
    """Creates events, and lets fixtures name one by its slug.

    Only to refer to it: ``Event`` has no ``natural_key``, so that loading one that exists fails
    on its slug instead of turning back its counters.
    """

    def get_by_natural_key(self, slug: str) -> "Event":
        """Return the event named ``slug``."""
        return self.get(slug=slug)

    def create_event(self, event: "Event") -> None:
        """Store a new event with all its seats available: the opening balance of its history.

        Raises:
            EventExists: its slug is taken.
        """
        event.available_seats = event.total_seats
        try:
            with transaction.atomic():
                event.save(force_insert=True)
        except IntegrityError as error:
            if isinstance(error.__cause__, psycopg_errors.UniqueViolation):
                raise EventExists(event.slug) from error
            raise


class Event(models.Model):
    """Something with seats to sell.

    The counters are columns, so that a read costs the same after a million sales. Only
    ``reservations.ledger`` may change them.
    """

    slug = models.SlugField(max_length=100, db_index=False, help_text="Public id, never changed")
    name = models.CharField(max_length=200)
    venue = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 (null in the API)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="UTC")
    total_seats = models.IntegerField(
        validators=[MinValueValidator(0)], help_text="All there are, sold or not"
    )
    available_seats = models.IntegerField(help_text="Neither held nor sold")
    held_seats = models.IntegerField(
        default=0, db_default=0, help_text="Held, until confirmed or expired"
    )
    reservation_count = models.IntegerField(default=0, help_text="Confirmed reservations")
    version = models.BigIntegerField(default=0, help_text="Number of changes so far")

    objects = EventManager()

    class Meta:
        default_permissions = ("add", "change", "view")
        constraints = (
            models.UniqueConstraint(fields=["slug"], name="event_slug_unique"),
            models.CheckConstraint(
                condition=Q(slug__regex=r"^[-a-zA-Z0-9_]+$"), name="event_slug_url_safe"
            ),
            models.CheckConstraint(
                condition=Q(available_seats__gte=0), name="event_available_seats_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(held_seats__gte=0), name="event_held_seats_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(available_seats__lte=F("total_seats") - F("held_seats")),
                name="event_available_and_held_seats_within_total",
            ),
            models.CheckConstraint(
                condition=Q(
                    reservation_count__gte=0,
                    reservation_count__lte=F("total_seats")
                    - F("available_seats")
                    - F("held_seats"),
                ),
                name="event_reservation_count_within_sold",
            ),
            models.CheckConstraint(condition=Q(version__gte=0), name="event_version_not_negative"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def sold_seats(self) -> int:
        """Seats that are neither available nor held."""
        return self.total_seats - self.available_seats - self.held_seats
