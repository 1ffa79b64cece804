"""Bookings in the admin."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import format_html_join
from django.utils.timezone import localtime
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from reservations.admin.base import ReadOnlyInline
from reservations.admin.cancelling import CancellingAdmin
from reservations.admin.display import link
from reservations.admin.filters import BookedEventFilter, DayRangeFilter, PartnerFilter
from reservations.email_addresses import canonicalise
from reservations.ledger.commands import CancelBooking
from reservations.models import Booking, Change, Reservation
from reservations.queries import get_changes_of, with_items

_MAIL_NAMES = {"booked": "Confirmation", "cancelled": "Cancellation"}


class ItemInline(ReadOnlyInline[Reservation, Booking]):
    """The items of a booking, in the order of the request."""

    model = Reservation
    verbose_name_plural = "items"
    fields = readonly_fields = ("event", "seats", "status", "reservation")
    ordering = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        """Load the events in the same query."""
        return super().get_queryset(request).select_related("event")

    @admin.display
    def reservation(self, item: Reservation) -> str:
        """Return a link to the item's own page."""
        return link(Reservation, item.pk)


@admin.register(Booking)
class BookingAdmin(CancellingAdmin[Booking]):
    """Bookings, newest first."""

    list_display = ("id", "customer_email", "partner", "events", "seats", "state", "created_at")
    event_filter = BookedEventFilter
    list_filter = (
        ("status", ChoicesDropdownFilter),
        PartnerFilter,
        ("created_at", DayRangeFilter),
    )
    search_fields = ("id", "customer_email")
    search_help_text = "Booking id or complete e-mail address"
    fields = readonly_fields = (
        "id",
        "customer_email",
        "partner",
        "status",
        "created_at",
        "unsent_mails",
    )
    inlines = (ItemInline,)
    confirmation_headers = ("Booking", "Customer", "Events", "Seats")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        """Load the items of all rows in one query."""
        return with_items(super().get_queryset(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Order by creation time: of the item when filtered by event, so that an index fits."""
        return ("-items__created_at" if request.GET.get("event") else "-created_at", "-id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Booking], search_term: str
    ) -> tuple[QuerySet[Booking], bool]:
        """Search by complete id or e-mail address; an index supports each."""
        term = search_term.replace("\0", "").strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            return queryset.filter(canonical_email=canonicalise(term)), False

    @admin.display
    def events(self, booking: Booking) -> int:
        """Return the number of events in the booking."""
        return len(booking.booked_items)

    @admin.display
    def seats(self, row: Booking) -> int:
        """Return the number of seats for all events."""
        return row.total_tickets

    @admin.display(description="e-mails not sent")
    def unsent_mails(self, booking: Booking) -> str:
        """Return a line for each e-mail that was not sent, with the reason and the time."""
        unsent = booking.mails.exclude(failure="")
        lines = [
            (_MAIL_NAMES.get(mail.kind, mail.kind), mail.failure, localize(localtime(mail.at)))
            for mail in unsent
        ]
        return format_html_join("", "<div>{}: {} ({})</div>", lines) or "none"

    def get_changes(self, row: Booking, *, limit: int) -> Iterable[Change]:
        """Return the changes of the items of a booking."""
        return get_changes_of([item.pk for item in row.booked_items])[:limit]

    def build_command(self, pk: UUID, by: str) -> CancelBooking:
        """Return the command that cancels a booking."""
        return CancelBooking(booking_id=pk, actor=by)

    def get_confirmation_row(self, row: Booking) -> list[Any]:
        """Return a cell for each of ``confirmation_headers``."""
        return [row.pk, row.customer_email, self.events(row), self.seats(row)]
