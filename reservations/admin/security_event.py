"""The audit log in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from reservations.admin.base import ReadOnlyAdmin, search_text
from reservations.admin.filters import DayRangeFilter
from reservations.models import SecurityEvent

Kind = SecurityEvent.Kind

_SUMMARY_CHARS = 100

_COLOURS: dict[str, str] = {
    **dict.fromkeys(Kind.values, "info"),
    **dict.fromkeys((Kind.LOGIN_FAILED, Kind.LOGIN_LOCKED), "warning"),
    **dict.fromkeys((Kind.RIGHTS_GIVEN, Kind.KEY_CREATED, Kind.USER_CREATED), "primary"),
    **dict.fromkeys((Kind.USER_DELETED, Kind.KEY_REVOKED, Kind.RIGHTS_TAKEN), "danger"),
}


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin[SecurityEvent]):
    """Security events, newest first."""

    list_display = ("at", "event", "actor", "subject", "client", "summary")
    list_filter = (("kind", ChoicesDropdownFilter), ("at", DayRangeFilter))
    search_fields = ("actor", "subject")
    search_help_text = "Beginning of who did it, or of what it was done to: admin:berta, user:7"
    fields = readonly_fields = (
        "at",
        "kind",
        "actor",
        "subject",
        "client",
        "request_id",
        "details_in_words",
    )

    @display(description="event", label=_COLOURS)
    def event(self, row: SecurityEvent) -> tuple[str, str]:
        """Return the kind, and its label, which is shown."""
        return row.kind, row.get_kind_display()

    @admin.display(description="details")
    def summary(self, row: SecurityEvent) -> str:
        """Return the beginning of the details in words; the page of the event has all."""
        return Truncator(self.details_in_words(row)).chars(_SUMMARY_CHARS)

    @admin.display(description="details")
    def details_in_words(self, row: SecurityEvent) -> str:
        """Return the details in words."""
        return "; ".join(_in_words(name, value) for name, value in row.details.items())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SecurityEvent], search_term: str
    ) -> tuple[QuerySet[SecurityEvent], bool]:
        """Search by the beginning of the actor or the subject; an index supports each."""
        term = search_text(search_term)
        if term:
            queryset = queryset.filter(Q(actor__startswith=term) | Q(subject__startswith=term))
        return queryset, False


def _in_words(name: str, value: Any) -> str:
    """Return a detail as text, for example ``groups: managers (3), clerks (4)``."""
    words = name.replace("_", " ")
    match value:
        case True | False:
            return words if value else f"not {words}"
        case list():
            return f"{words}: {', '.join(map(str, value)) or 'none'}"
    return f"{words}: {value}"
