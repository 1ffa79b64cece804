"""Writes any number of rows in one message to the database (docs/decisions/0011)."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Model
from msgspec.structs import fields

from reservations import sql


class BulkWriter:
    """Collects statements and sends them together.

    A row is a ``msgspec.Struct`` whose fields are named like the columns of its model.
    """

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._parameters: list[str] = []

    def upsert(
        self, model: type[Model], rows: Mapping[Any, Any], stored: Mapping[Any, Any]
    ) -> None:
        """Add an INSERT of new rows and an UPDATE of modified rows.

        Args:
            model: the model of the rows.
            rows: the current rows by primary key.
            stored: the rows as read from the database, by primary key. A row that is the same
                object in both is not written.
        """
        new, modified = [], []
        for pk, row in rows.items():
            before = stored.get(pk)
            if before is None:
                new.append(row)
            elif row is not before:
                modified.append(row)
        self._add(sql.update_from_json, model, modified)
        self.insert(model, new)

    def insert(self, model: type[Model], rows: Sequence[Any]) -> None:
        """Add an INSERT of ``rows``."""
        self._add(sql.insert_from_json, model, rows)

    def _add(self, statement: Any, model: type[Model], rows: Sequence[Any]) -> None:
        if rows:
            row: Any = type(rows[0])
            self._statements.append(statement(model, _columns(model, row)))
            # JSON, because psycopg takes three times as long to adapt one array for each column.
            self._parameters.append(msgspec.json.encode(rows).decode())

    def append_commit(self) -> None:
        """Add COMMIT as the last statement; ``transaction.atomic`` has nothing left to commit."""
        self._statements.append(sql.COMMIT)

    def flush(self) -> None:
        """Send all statements in one message and wait until they have been executed."""
        if self._statements:
            with connection.cursor() as cursor:
                cursor.execute(";".join(self._statements), self._parameters)


@cache
def _columns(model: Any, row: Any) -> tuple[str, ...]:
    """Return the columns of ``model`` that are fields of the struct ``row``."""
    stored = {each.column for each in model._meta.concrete_fields}
    return tuple(each.name for each in fields(row) if each.name in stored)
