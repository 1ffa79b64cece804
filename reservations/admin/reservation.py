"""Reservations in the admin."""

from contextlib import suppress
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from reservations import texts
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
    search_help_text = "Reservation id or beginning of a partner id"
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
        pk = reservation.booking_id
        return link(Booking, pk, f"…{pk.hex[-8:]}") if pk else None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """Search by complete id or beginning of the partner id; an index supports each."""
        term = texts.normalise(search_term.replace("\0", ""))
        wanted = Q(partner__startswith=term)
        with suppress(ValueError):
            wanted |= Q(pk=UUID(term))
        return queryset.filter(wanted), False

    def build_command(self, pk: UUID, by: str) -> Cancel:
        """Return the command that cancels a reservation or a hold."""
        return Cancel(reservation_id=pk, actor=by)

    def get_cancellable(self, ids: list[UUID]) -> QuerySet[Reservation]:
        """Return the held and confirmed reservations among ``ids``."""
        return Reservation.objects.select_related("event").filter(
            pk__in=ids, status__in=[Reservation.Status.HELD, Reservation.Status.CONFIRMED]
        )

    def seats(self, row: Reservation) -> int:
        """Return the number of seats of a reservation."""
        return row.seats

    def get_confirmation_row(self, row: Reservation) -> list[object]:
        """Return a cell for each of ``confirmation_headers``."""
        return [row.pk, row.event, row.partner, row.status, row.seats]

    def get_refusal(self, row: Reservation) -> Refusal | None:
        """Return ``PartOfBooking`` for an item of a booking, which cannot be cancelled alone."""
        return PartOfBooking(row.booking_id) if row.booking_id else None

    def describe_refusal(self, pk: UUID, refusal: Refusal) -> str:
        """Describe a refusal; for an item of a booking, link to the booking to cancel instead."""
        if isinstance(refusal, PartOfBooking):
            booking = link(Booking, refusal.booking_id, "Open the booking")
            return format_html("{}: {}. {}.", pk, refusal, booking)
        return super().describe_refusal(pk, refusal)
