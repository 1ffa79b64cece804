"""Reservations in the admin."""

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from reservations.admin.base import search_text
from reservations.admin.cancelling import CancellingAdmin
from reservations.admin.confirming import Obstacle
from reservations.admin.display import short_link
from reservations.admin.filters import DayRangeFilter
from reservations.ledger.commands import Cancel
from reservations.models import Booking, Change, Reservation
from reservations.queries import get_changes_of


@admin.register(Reservation)
class ReservationAdmin(CancellingAdmin[Reservation]):
    """Reservations, newest first."""

    list_display = (
        "id",
        "event",
        "partner",
        "booking_link",
        "seats",
        "state",
        "created_at",
        "expires_at",
    )
    event_filter = ("event", AutocompleteSelectFilter)
    list_filter = (("status", ChoicesDropdownFilter), ("created_at", DayRangeFilter))
    search_fields = ("id", "partner")
    search_help_text = "Reservation id, or beginning of a partner id (not of bookings)"
    fields = readonly_fields = (
        "id",
        "event",
        "partner",
        "booking",
        "seats",
        "status",
        "created_at",
        "expires_at",
    )
    confirmation_headers = ("Reservation", "Event", "Partner", "Status", "Seats")

    @admin.display(description="booking")
    def booking_link(self, reservation: Reservation) -> str | None:
        """Return a link to the booking of the reservation; its text is the end of the id."""
        return short_link(Booking, reservation.booking_id) if reservation.booking_id else None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        """Load the events in the same query."""
        return super().get_queryset(request).select_related("event")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """Search by complete id or beginning of the partner id; an index supports each."""
        term = search_text(search_term)
        if not term:
            return queryset, False
        wanted = Q(partner__startswith=term, booking__isnull=True)
        with suppress(ValueError):
            wanted |= Q(pk=UUID(term))
        return queryset.filter(wanted), False

    def get_changes(self, row: Reservation, *, limit: int) -> Iterable[Change]:
        """Return the changes of a reservation."""
        return get_changes_of([row.pk])[:limit]

    def get_history_event(self, row: Reservation) -> object:
        """Return the primary key of the event of a reservation."""
        return row.event_id

    def build_command(self, pk: UUID, by: str) -> Cancel:
        """Return the command that cancels a reservation or a hold."""
        return Cancel(reservation_id=pk, actor=by)

    def seats(self, row: Reservation) -> int:
        """Return the number of seats of a reservation."""
        return row.seats

    def get_confirmation_row(self, row: Reservation) -> list[object]:
        """Return a cell for each of ``confirmation_headers``."""
        return [row.pk, row.event, row.partner, row.status, row.seats]

    def get_obstacle(self, row: Reservation) -> Obstacle | None:
        """Return why a reservation cannot be cancelled, or None if it can.

        An item of a booking cannot be cancelled alone; its obstacle links to the booking.
        """
        obstacle = super().get_obstacle(row)
        if obstacle or not row.booking_id:
            return obstacle
        return Obstacle(
            "is part of a booking, which can only be cancelled as a whole",
            "are parts of bookings, which can only be cancelled as a whole",
            short_link(Booking, row.booking_id),
        )
