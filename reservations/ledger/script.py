"""Writes rows, few or many, by statements that are sent together (docs/decisions/0011)."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import Model

from reservations.ledger.state import EventState
from reservations.models import Event

_COUNTERS = ("total_seats", "available_seats", "held_seats", "reservation_count", "version")

Row = Mapping[str, object]
"""Values by their columns."""


class Script:
    """Statements in their order."""

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._parameters: list[Any] = []

    def insert(self, model: type[Model], rows: Iterable[Row]) -> None:
        """Insert ``rows``, each with all columns of ``model``."""
        self._add(_insertion(model), rows)

    def update_counters(self, events: Iterable[EventState]) -> None:
        """Store the numbers of ``events``."""
        names = ("id", *_COUNTERS)
        self._add(_update(), ({name: getattr(event, name) for name in names} for event in events))

    def _add(self, statement: str, rows: Iterable[Row]) -> None:
        # As JSON, since psycopg takes three times as long for an array of each column.
        if listed := list(rows):
            self._statements.append(statement)
            self._parameters.append(orjson.dumps(listed).decode())

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
def _insertion(model: type[Model]) -> str:
    columns = [str(field.column) for field in model._meta.concrete_fields]
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"  # noqa: S608
        f" SELECT {', '.join(columns)} FROM {_recordset(model, columns)}"
    )


@cache
def _update() -> str:
    setters = ", ".join(f"{name} = row.{name}" for name in _COUNTERS)
    return (
        f"UPDATE {Event._meta.db_table} AS event SET {setters}"  # noqa: S608
        f" FROM {_recordset(Event, ['id', *_COUNTERS])} WHERE event.id = row.id"
    )


def _recordset(model: type[Model], columns: Iterable[str]) -> str:
    types = {str(field.column): field.db_type(connection) for field in model._meta.concrete_fields}
    # Without a length: a text that is too long is refused then, and not cut.
    typed = (f"{name} {str(types[name]).partition('(')[0]}" for name in columns)
    return f"json_to_recordset(%s) AS row ({', '.join(typed)})"
