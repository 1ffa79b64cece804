"""Pages of a list."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers

from reservations.api.fields import QueryIntegerField

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_MAX_PAGE = 10**9

_M = TypeVar("_M", bound=Model)


class PageQuery(serializers.Serializer[Any]):
    """Which page of a list, and how long a page is."""

    page = QueryIntegerField(min_value=1, max_value=_MAX_PAGE, default=1)
    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class Pagination(serializers.Serializer[Any]):
    """Where in the list a page is."""

    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    total = serializers.IntegerField(help_text="Rows of the whole list")
    totalPages = serializers.IntegerField()


def paginate(rows: QuerySet[_M, _M], *, page: int, limit: int) -> tuple[list[_M], dict[str, int]]:
    """Return one page of ``rows``, empty past the end, and where it is."""
    total = rows.count()
    start = (page - 1) * limit
    found = list(rows[start : start + limit]) if start < total else []
    return found, {
        "page": page,
        "limit": limit,
        "total": total,
        "totalPages": -(-total // limit),
    }
