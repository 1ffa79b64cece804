"""Writes rows, few or many, by statements that are sent together (docs/decisions/0011)."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import Model


class Script:
    """Statements in their order; a row is a dataclass whose fields are columns of its model."""

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._parameters: list[str] = []

    def save(self, model: type[Model], rows: Mapping[Any, Any], stored: Mapping[Any, Any]) -> None:
        """Store those of ``rows``, which are by their ids, that are not the same in ``stored``."""
        changed = [row for pk, row in rows.items() if row is not stored.get(pk)]
        self._add(_update, model, [row for row in changed if row.id in stored])
        self._add(_insertion, model, [row for row in changed if row.id not in stored])

    def _add(self, statement: Any, model: type[Model], rows: Sequence[Any]) -> None:
        if rows:
            self._statements.append(statement(model, type(rows[0])))
            # As JSON, since psycopg takes three times as long for an array of each column.
            self._parameters.append(orjson.dumps(rows).decode())

    def commit(self) -> None:
        """Commit after the last statement; ``atomic`` has nothing left to do then."""
        self._statements.append("COMMIT")

    def run(self) -> None:
        """Send all of it, and wait for the end."""
        if self._statements:
            with connection.cursor() as cursor:
                cursor.execute(";".join(self._statements), self._parameters)


# The names in these are the models' own; what is sold comes as a parameter.


@cache
def _insertion(model: type[Model], row: type) -> str:
    columns = ", ".join(_columns(model, row))
    table = model._meta.db_table
    return f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_recordset(model, row)}"  # noqa: S608


@cache
def _update(model: type[Model], row: type) -> str:
    setters = ", ".join(f"{name} = new.{name}" for name in _columns(model, row) if name != "id")
    table = model._meta.db_table
    return (
        f"UPDATE {table} AS old SET {setters} FROM {_recordset(model, row)} WHERE old.id = new.id"  # noqa: S608
    )


def _recordset(model: type[Model], row: type) -> str:
    # Without a length: a text that is too long is refused then, and not cut.
    columns = _columns(model, row).items()
    typed = ", ".join(f"{name} {kind.partition('(')[0]}" for name, kind in columns)
    return f"json_to_recordset(%s) AS new ({typed})"


def _columns(model: type[Model], row: type) -> dict[str, str]:
    """Return the types of the columns that ``row`` has, by their names."""
    types = {each.column: str(each.db_type(connection)) for each in model._meta.concrete_fields}
    return {each.name: types[each.name] for each in fields(row) if each.name in types}
