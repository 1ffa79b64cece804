"""Reservations in the admin."""

from contextlib import suppress
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from reservations.admin.base import link
from reservations.admin.cancelling import CancellingAdmin
from reservations.admin.filters import DayRangeFilter
from reservations.errors import PartOfBooking, Refusal
from reservations.ledger.commands import Cancel
from reservations.models import Booking, Reservation


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
    list_select_related = ("event",)
    search_fields = ("id", "partner")
    search_help_text = "Reservation id, or partner's first letters"
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
        """Link the booking that the reservation is part of, by the end of its id."""
        pk = reservation.booking_id
        return link(Booking, pk, f"…{pk.hex[-8:]}") if pk else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """Search by what an index can find: a whole id, or how a partner's id begins."""
        term = search_term.replace("\0", "").strip()
        wanted = Q(partner__startswith=term)
        with suppress(ValueError):
            wanted |= Q(pk=UUID(term))
        return queryset.filter(wanted), False

    def build_command(self, pk: UUID, by: str) -> Cancel:
        """Cancel a reservation, or end a hold."""
        return Cancel(reservation_id=pk, actor=by)

    def get_cancellable(self, ids: list[UUID]) -> QuerySet[Reservation]:
        """Return those that are held or confirmed."""
        return Reservation.objects.select_related("event").filter(
            pk__in=ids, status__in=[Reservation.Status.HELD, Reservation.Status.CONFIRMED]
        )

    def seats(self, row: Reservation) -> int:
        """Return the seats of a reservation."""
        return row.seats

    def get_confirmation_row(self, row: Reservation) -> list[object]:
        """Return a cell for each of ``confirmation_headers``."""
        return [row.pk, row.event, row.partner, row.status, row.seats]

    def foreseen_refusal(self, row: Reservation) -> Refusal | None:
        """Return why an item of a booking cannot be cancelled alone."""
        return PartOfBooking(row.booking_id) if row.booking_id else None

    def describe_refusal(self, pk: UUID, refusal: Refusal) -> str:
        """Tell a refusal, with a link to the booking that is to be cancelled instead."""
        if isinstance(refusal, PartOfBooking):
            return format_html("{}: {}: {}.", pk, refusal, link(Booking, refusal.booking_id))
        return super().describe_refusal(pk, refusal)
