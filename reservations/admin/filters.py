"""Filters of the admin's lists."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.timezone import make_aware
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, TextFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from reservations.admin.base import search_text
from reservations.models import Booking, KeyState, Reservation


class DayRangeFilter(RangeDateFilter):
    """Filters by a range of days, both ends included, in the server's time zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Return the rows in the range; if a date is invalid, return none and show an error."""
        try:
            start, end = self._midnight("from"), self._midnight("to", days=1)
        except (ValidationError, OverflowError):
            messages.error(request, "Invalid date. Use the format 2026-11-21.")
            return queryset.none()
        if start:
            queryset = queryset.filter(**{f"{self.field_path}__gte": start})
        if end:
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def _midnight(self, end: str, *, days: int = 0) -> datetime | None:
        given = self.used_parameters.get(f"{self.parameter_name}_{end}")
        day = forms.DateField(required=False).clean(given)
        return make_aware(datetime.combine(day + timedelta(days), time.min)) if day else None


class BookedEventFilter(SimpleListFilter):
    """Filters bookings by event.

    A booking contains an event at most once, so the join returns no duplicates. Django's own
    filters would add DISTINCT anyway, which reads and sorts all rows.
    """

    title = parameter_name = "event"
    template = "unfold/filters/filters_field.html"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.request = request

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[Any]:
        """Return no choices: the autocomplete widget fetches them."""
        return []

    def has_output(self) -> bool:
        """Return True: show the filter even without choices."""
        return True

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Booking]
    ) -> QuerySet[Booking] | None:
        """Return the bookings with an item for the event, or None if no event is selected."""
        value = self.value()
        return queryset.filter(items__event=int(value)) if value else None

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield the context of the template: the form with the autocomplete widget."""
        yield {
            "form": AutocompleteDropdownForm(
                request=self.request,
                label=" By event ",
                name=self.parameter_name,
                choices=(),
                field=Reservation._meta.get_field("event"),
                model_admin=changelist.model_admin,
                data={self.parameter_name: self.value()},
            )
        }


class PartnerFilter(TextFilter):
    """Filters bookings by the complete id of their partner; an index supports it."""

    title = parameter_name = "partner"

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Booking]
    ) -> QuerySet[Booking] | None:
        """Return the bookings of the partner, or None if no partner is given."""
        partner = search_text(self.value() or "")
        return queryset.filter(partner=partner) if partner else None


class KeyStateFilter(DropdownFilter):
    """Filters keys by what staff are told about them."""

    title = parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[Any]:
        """Return the states."""
        return KeyState.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the keys in the state, or None if no state is selected."""
        value = self.value()
        return queryset.filter(state=value) if value else None
