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
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from reservations.models import Booking, Reservation


class DayRangeFilter(RangeDateFilter):
    """From one day to another, both included, in the server's time zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Return the rows of these days; none, and say why, if one of them is no date."""
        try:
            start, end = self._midnight("from"), self._midnight("to", days=1)
        except (ValidationError, OverflowError):
            messages.error(request, "That is no date: write it like 2026-11-21.")
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
    """Bookings with seats at one event.

    An event is once in a booking at most. Django's own filters cannot know that: they would make
    the rows distinct, and so read and sort all of them.
    """

    title = parameter_name = "event"
    template = "unfold/filters/filters_field.html"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.request = request

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[Any]:
        """Return no choices: they are completed as one types."""
        return []

    def has_output(self) -> bool:
        """Show it nevertheless."""
        return True

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Booking]
    ) -> QuerySet[Booking] | None:
        """Return the bookings of the event."""
        value = self.value()
        return queryset.filter(items__event=int(value)) if value else None

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Give the form to the template."""
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
