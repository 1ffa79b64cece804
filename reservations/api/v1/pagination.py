"""Pagination of lists, by page or by cursor."""

from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reservations.api.fields import QueryIntegerField
from reservations.api.v1 import cursors
from reservations.api.v1.cursors import Cursor
from reservations.keysets import Keyset

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_ROWS = 10_000
"""How many rows are counted, and how many can be reached by page."""
_MAX_PAGE = 10**9

_M = TypeVar("_M", bound=Model)


class Order(NamedTuple):
    """The orders of a list."""

    pages: Keyset
    walk: Keyset
    """The order of a walk that begins without a cursor. Its fields never change, so that a walk
    neither repeats nor skips a row that existed when it began."""


class Paging(NamedTuple):
    """Which rows of a list a client requests: a page, or the rows after a cursor."""

    limit: int
    page: int | None
    """The number of the page, from 1; None to begin at ``cursor``."""
    cursor: Cursor | None
    """None for the beginning of the list."""


class PageField(QueryIntegerField):
    """The number of a page."""

    default_error_messages = {
        "too_deep": f"page times limit must be at most {MAX_ROWS}; to read further, use cursor"
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=_MAX_PAGE, **options)


@extend_schema_field({"type": "string", "pattern": cursors.PATTERN})
class CursorField(serializers.Field[Cursor | None, str, str, str]):
    """A cursor of a list, or nothing for its beginning."""

    default_error_messages = {
        "invalid": "must be empty or a nextCursor of this list",
        "with_page": "cannot be combined with page",
    }

    def __init__(self, order: Order, **options: Any) -> None:
        super().__init__(
            required=False,
            help_text="The `nextCursor` of the previous response; empty to begin a walk",
            **options,
        )
        self._order = order

    def to_internal_value(self, data: str) -> Cursor | None:
        """Return the cursor; None for the beginning of the list."""
        cursor = cursors.decode(data, set(self._order))
        if data and cursor is None:
            self.fail("invalid")
        return cursor


class WalkQuery(serializers.Serializer[Any]):
    """Which rows of a list to return. Subclasses add ``cursor``, a ``CursorField``, and filters."""

    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the filters, and the ``Paging`` under the key ``paging``."""
        values = super().to_internal_value(data)
        return {"paging": Paging(values.pop("limit"), None, values.pop("cursor", None)), **values}


class PageQuery(serializers.Serializer[Any]):
    """The same for a list that can also be read by page."""

    page = PageField(
        default=1, help_text=f"Multiplied by `limit` at most {MAX_ROWS}; not with `cursor`"
    )
    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the filters, and the ``Paging`` under the key ``paging``."""
        values = super().to_internal_value(data)
        page, limit = values.pop("page"), values.pop("limit")
        if "cursor" not in values:
            if page * limit > MAX_ROWS:
                raise self._invalid("page", "too_deep")
            return {"paging": Paging(limit, page, None), **values}
        if "page" in data:
            raise self._invalid("cursor", "with_page")
        return {"paging": Paging(limit, None, values.pop("cursor")), **values}

    def _invalid(self, field: str, error: str) -> serializers.ValidationError:
        return serializers.ValidationError({field: [self.fields[field].error_messages[error]]})


class WalkPagination(serializers.Serializer[Any]):
    __doc__ = "The position in a list that is read by cursor."

    limit = serializers.IntegerField()
    nextCursor = serializers.CharField(
        allow_null=True, help_text="The `cursor` of the entries that follow; null at the end"
    )


class Pagination(serializers.Serializer[Any]):
    __doc__ = "The position of a page in the list."

    page = serializers.IntegerField(required=False, help_text="Missing with `cursor`")
    limit = serializers.IntegerField()
    total = serializers.IntegerField(
        required=False,
        help_text=f"Number of entries on all pages, at most {MAX_ROWS}; missing with `cursor`",
    )
    totalPages = serializers.IntegerField(required=False, help_text="Missing with `cursor`")
    totalCapped = serializers.BooleanField(
        required=False, help_text=f"`true` if there are more than {MAX_ROWS} entries"
    )
    nextCursor = serializers.CharField(
        allow_null=True, help_text="The `cursor` of the entries that follow; null at the end"
    )


def paginate(
    rows: QuerySet[_M, _M], order: Order, paging: Paging
) -> tuple[list[_M], dict[str, Any]]:
    """Return the requested ones of ``rows`` (none past the end) and their ``Pagination``."""
    if paging.page is not None:
        return _page(rows, order.pages, paging.page, paging.limit)
    keyset = order.walk
    following = keyset.sort(rows)
    if paging.cursor:
        keyset, position = paging.cursor
        following = keyset.rows_after(rows, position)
    found, next_cursor = _first(following, keyset, paging.limit)
    return found, {"limit": paging.limit, "nextCursor": next_cursor}


def _page(
    rows: QuerySet[_M, _M], keyset: Keyset, page: int, limit: int
) -> tuple[list[_M], dict[str, Any]]:
    rows = keyset.sort(rows)
    # Counted in the order of the list, so that PostgreSQL uses the index of the list.
    counted = rows.values("pk")[: MAX_ROWS + 1].count()
    total = min(counted, MAX_ROWS)
    start = (page - 1) * limit
    rest = rows[start:] if start < total else rows.none()
    found, next_cursor = _first(rest, keyset, limit)
    pagination = {"page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}
    capped = {"totalCapped": True} if counted > total else {}
    return found, {**pagination, **capped, "nextCursor": next_cursor}


def _first(rows: QuerySet[_M, _M], keyset: Keyset, limit: int) -> tuple[list[_M], str | None]:
    """Return the first ``limit`` of ``rows``, and the cursor of the next one, if any."""
    found = list(rows[: limit + 1])
    if len(found) <= limit:
        return found, None
    del found[limit:]
    return found, cursors.encode(Cursor(keyset, keyset.position(found[-1])))
