"""Filters of the admin's lists."""

from datetime import datetime, time, timedelta

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.timezone import make_aware
from unfold.contrib.filters.admin import RangeDateFilter


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
