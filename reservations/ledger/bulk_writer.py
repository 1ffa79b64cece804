"""Writes rows, few or many, in one message to the database (docs/decisions/0011)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import Model

from reservations import sql


class BulkWriter:
    """Collects statements in their order; a row is a dataclass of its model's columns."""

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._parameters: list[str] = []

    def upsert(
        self, model: type[Model], rows: Mapping[Any, Any], stored: Mapping[Any, Any]
    ) -> None:
        """Insert or update those of ``rows`` that differ from ``stored``, both by primary key."""
        changed = [row for pk, row in rows.items() if row is not stored.get(pk)]
        self._add(sql.update_from_json, model, [row for row in changed if row.id in stored])
        self._add(sql.insert_from_json, model, [row for row in changed if row.id not in stored])

    def _add(self, statement: Any, model: type[Model], rows: Sequence[Any]) -> None:
        if rows:
            row: Any = type(rows[0])
            self._statements.append(statement(model, _columns(model, row)))
            # As JSON, since psycopg takes three times as long for an array of each column.
            self._parameters.append(orjson.dumps(rows).decode())

    def append_commit(self) -> None:
        """Commit after the last statement; ``atomic`` then has nothing left to commit."""
        self._statements.append(sql.COMMIT)

    def flush(self) -> None:
        """Send all statements at once, and wait until they are executed."""
        if self._statements:
            with connection.cursor() as cursor:
                cursor.execute(";".join(self._statements), self._parameters)


@cache
def _columns(model: Any, row: Any) -> tuple[str, ...]:
    """Return the columns of ``model`` that are fields of the dataclass ``row``."""
    stored = {each.column for each in model._meta.concrete_fields}
    return tuple(each.name for each in fields(row) if each.name in stored)
