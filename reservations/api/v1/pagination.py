"""Pagination of lists."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers

from reservations.api.fields import QueryIntegerField

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_MAX_PAGE = 10**9

_M = TypeVar("_M", bound=Model)


class PageQuery(serializers.Serializer[Any]):
    """The number and the length of a page."""

    page = QueryIntegerField(min_value=1, max_value=_MAX_PAGE, default=1)
    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class Pagination(serializers.Serializer[Any]):
    __doc__ = "The position of a page in the list."

    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    total = serializers.IntegerField(help_text="Number of entries on all pages")
    totalPages = serializers.IntegerField()


def paginate(rows: QuerySet[_M, _M], *, page: int, limit: int) -> tuple[list[_M], dict[str, int]]:
    """Return one page of ``rows`` (empty past the end) and the values of its ``Pagination``."""
    total = rows.count()
    start = (page - 1) * limit
    found = list(rows[start : start + limit]) if start < total else []
    return found, {
        "page": page,
        "limit": limit,
        "total": total,
        "totalPages": -(-total // limit),
    }
