"""Filters of the admin's lists."""

from datetime import datetime, time, timedelta

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.timezone import make_aware
from unfold.contrib.filters.admin import RangeDateFilter


class DayRangeFilter(RangeDateFilter):
    """From one day to another, both included, in the server's time zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Return the rows of these days.

        Raises:
            IncorrectLookupParameters: what was given is no date.
        """
        start, end = self._midnight("from"), self._midnight("to", days=1)
        if start:
            queryset = queryset.filter(**{f"{self.field_path}__gte": start})
        if end:
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def _midnight(self, end: str, *, days: int = 0) -> datetime | None:
        given = self.used_parameters.get(f"{self.parameter_name}_{end}")
        try:
            day = forms.DateField(required=False).clean(given)
            return make_aware(datetime.combine(day + timedelta(days), time.min)) if day else None
        except (ValidationError, OverflowError) as error:
            raise IncorrectLookupParameters from error
