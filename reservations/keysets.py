"""Keyset pagination: a page begins after the last row of the previous one, found with an index.

Unlike OFFSET, the cost of a page does not grow with its distance from the start, and rows that are
inserted or removed between two pages do not shift the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

_M = TypeVar("_M", bound=Model)

Position = tuple[Any, ...]
"""The values of a row in the fields of a keyset."""


@dataclass(frozen=True, kw_only=True)
class Keyset:
    """A total order of rows.

    Attributes:
        name: distinguishes the order from others in cursors.
        fields: not nullable; the last one is unique. Each may be an annotation.
        types: the types of their values: ``datetime``, ``UUID`` or ``str``.
        descending: whether the order of all fields is descending.
    """

    name: str
    fields: Sequence[str]
    types: Sequence[type]
    descending: bool = False

    def sort(self, rows: QuerySet[_M]) -> QuerySet[_M]:
        """Return ``rows`` in this order."""
        return rows.order_by(*(f"-{field}" if self.descending else field for field in self.fields))

    def rows_after(self, rows: QuerySet[_M], position: Position) -> QuerySet[_M]:
        """Return the rows that follow ``position`` in this order."""
        return self.sort(rows.filter(self._after(self.fields, position)))

    def position(self, row: Model) -> Position:
        """Return the position of ``row``."""
        return tuple(getattr(row, field) for field in self.fields)

    def _after(self, fields: Sequence[str], position: Position) -> Q:
        (field, *others), (value, *rest) = fields, position
        beyond = "lt" if self.descending else "gt"
        following = Q((f"{field}__{beyond}", value))
        if not others:
            return following
        # The first condition is redundant. PostgreSQL needs it to begin at the right place of an
        # index, which it cannot do with OR.
        return Q((f"{field}__{beyond}e", value)) & (following | self._after(others, tuple(rest)))
