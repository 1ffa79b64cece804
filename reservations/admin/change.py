"""The change history of all events in the admin."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from reservations.admin.base import ReadOnlyAdmin
from reservations.models import Change


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin[Change]):
    """Changes, newest first."""

    list_display = (
        "version",
        "event",
        "kind",
        "seats",
        "available_seats",
        "actor",
        "at",
        "request_id",
        "reservation_id",
    )
    fields = readonly_fields = (*list_display[:-1], "reservation")
    list_filter = (("event", AutocompleteSelectFilter), ("kind", ChoicesDropdownFilter))
    list_select_related = ("event",)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Order by time, or by version when filtered by event; an index supports each."""
        return ("-version",) if request.GET.get("event__id__exact") else ("-id",)
