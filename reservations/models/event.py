"""Events and their counters."""

import re
from datetime import UTC, datetime

from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from reservations.database_errors import violated_constraint
from reservations.errors import EventExists

DEFAULT_EVENT = "node-meetup-2025"
"""Slug of the event used for requests that name no event. A data migration creates the event."""

SORT_DATE = Coalesce("starts_at", Value(datetime.max.replace(tzinfo=UTC)))
"""The date of an event, or the last possible one if it has none: sorts like ``starts_at``, but is
never null. There is an index on it."""

_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,100}")


def is_slug(text: str) -> bool:
    """Return whether ``text`` is a valid event slug.

    Check this before a query by slug: psycopg raises an error for NUL bytes and lone surrogates.
    """
    return _SLUG.fullmatch(text) is not None


class EventManager(models.Manager["Event"]):
    """Creates events, and lets fixtures refer to an event by its slug.

    ``Event`` deliberately has no ``natural_key``, so fixtures never update an event by its slug:
    ``manage.py loaddata`` decides itself what to do with an event that exists.
    """

    def get_by_natural_key(self, slug: str) -> "Event":
        """Return the event with this slug."""
        return self.get(slug=slug)

    def create_event(self, event: "Event") -> None:
        """Insert a new event with all seats available, the starting point of its history.

        Raises:
            EventExists: another event has the same slug.
        """
        event.available_seats = event.total_seats
        try:
            with transaction.atomic():
                event.save(force_insert=True)
        except IntegrityError as error:
            if violated_constraint(error) == "event_slug_unique":
                raise EventExists(event.slug) from error
            raise


class Event(models.Model):
    """An event with seats for sale.

    The counters are columns, so reading them costs the same after a million sales. Only
    ``reservations.ledger`` may change them.
    """

    slug = models.SlugField(
        max_length=100, db_index=False, help_text="Public id; cannot be changed"
    )
    name = models.CharField(max_length=200)
    venue = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 (null in the API)
    starts_at = models.DateTimeField(null=True, blank=True, help_text="UTC")
    total_seats = models.IntegerField(
        validators=[MinValueValidator(0)], help_text="All seats, sold or not"
    )
    available_seats = models.IntegerField(help_text="Neither held nor sold")
    held_seats = models.IntegerField(
        default=0, db_default=0, help_text="Seats of holds that are not confirmed or released yet"
    )
    reservation_count = models.IntegerField(default=0, help_text="Number of confirmed reservations")
    version = models.BigIntegerField(default=0, help_text="Number of changes so far")
    # The defaults are also those of rows that processes of an older version insert.
    sales_paused = models.BooleanField(
        default=False,
        db_default=False,
        help_text="While on, no seats are sold or held. Holds can still be confirmed.",
    )
    sales_open_at = models.DateTimeField(
        null=True, blank=True, help_text="UTC. Before this time, no seats are sold or held."
    )
    sales_close_at = models.DateTimeField(
        null=True, blank=True, help_text="UTC. From this time on, no seats are sold or held."
    )

    objects = EventManager()

    class Meta:
        default_permissions = ("add", "change", "view")
        indexes = (models.Index(SORT_DATE, "slug", name="event_date"),)
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
            models.CheckConstraint(
                condition=Q(sales_open_at__isnull=True)
                | Q(sales_close_at__isnull=True)
                | Q(sales_close_at__gt=F("sales_open_at")),
                name="event_sales_close_after_opening",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def sold_seats(self) -> int:
        """The seats that are neither available nor held."""
        return self.total_seats - self.available_seats - self.held_seats
