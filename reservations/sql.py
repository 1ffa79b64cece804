"""All SQL that the ORM does not compile; docs/decisions/0008 and 0011 have the measured gain.

Identifiers come from the models and are quoted; values are parameters.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.db.models import Field, Model

READ_CLOCK = "SELECT clock_timestamp()"
"""PostgreSQL's time now, not when the transaction began."""

AVOID_SEQUENTIAL_SCANS = "SET LOCAL enable_seqscan = off"
"""For foreign keys: PostgreSQL keeps the plans by which it checks them. One that it makes while a
table is small reads the whole table for each new row, until a minute into a sale."""

COMMIT = "COMMIT"


@cache
def insert_from_json(model: type[Model], columns: Sequence[str]) -> str:
    """Return an INSERT into ``columns`` of the rows in its one parameter, a JSON array."""
    names = ", ".join(map(_quote, columns))
    records = _json_records(model, columns)
    return f"INSERT INTO {_table(model)} ({names}) SELECT {names} FROM {records}"  # noqa: S608


@cache
def update_from_json(model: type[Model], columns: Sequence[str]) -> str:
    """Return an UPDATE of ``columns``, by primary key, from its one parameter, a JSON array."""
    key = _quote(_key(model))
    values = ", ".join(
        f"{_quote(name)} = new.{_quote(name)}" for name in columns if name != _key(model)
    )
    return (
        f"UPDATE {_table(model)} AS old SET {values} "  # noqa: S608
        f"FROM {_json_records(model, columns)} WHERE old.{key} = new.{key}"
    )


@cache
def expire_holds(event: type[Model], reservation: type[Model], change: type[Model]) -> str:
    """Return the statement that expires holds and writes a change for each (decision 8).

    Parameters: ``events``, the keys of locked events, and ``now``. Versions and counters continue
    from the event's stored row, which is still to be updated. Gives, for each event that had
    expired holds, its key, their number and their seats. The ids of the changes are UUIDv7
    (RFC 9562), ordered within an event; PostgreSQL itself makes them from version 18 on only.
    """
    e, r, c = _Names(event), _Names(reservation), _Names(change)
    return f"""
        WITH released AS (
            UPDATE {r.table}
            SET {r.status} = 'expired'
            WHERE {r.event} = ANY(%(events)s)
                AND {r.status} = 'held' AND {r.expires_at} <= %(now)s
            RETURNING {r.id} AS id, {r.event} AS event, {r.seats} AS seats, {r.expires_at} AS ended
        ), steps AS (
            SELECT *, row_number() OVER history AS step, sum(seats) OVER history AS freed
            FROM released
            WINDOW history AS (PARTITION BY event ORDER BY ended, id)
        ), changes AS (
            INSERT INTO {c.table} (
                {c.id}, {c.event}, {c.version}, {c.kind}, {c.seats}, {c.available_seats},
                {c.reservation}, {c.actor}, {c.at}
            )
            SELECT
                (
                    lpad(to_hex(floor(extract(epoch FROM %(now)s) * 1000)::bigint), 12, '0')
                    || '7' || lpad(to_hex(step %% 4096), 3, '0')
                    || substr(replace(gen_random_uuid()::text, '-', ''), 17)
                )::uuid,
                steps.event, {e.table}.{e.version} + step, 'expired', steps.seats,
                {e.table}.{e.available_seats} + freed, steps.id, 'expiry', %(now)s
            FROM steps JOIN {e.table} ON {e.table}.{e.id} = steps.event
        )
        SELECT event, max(step), max(freed) FROM steps GROUP BY event
    """  # noqa: S608


def set_for_transaction(**parameters: str | int) -> None:
    """Set PostgreSQL's run-time ``parameters`` until the transaction ends."""
    _set("SET LOCAL", DEFAULT_DB_ALIAS, parameters)


def set_for_session(using: str = DEFAULT_DB_ALIAS, **parameters: str | int) -> None:
    """Set PostgreSQL's run-time ``parameters`` on the current connection."""
    _set("SET", using, parameters)


def reset_for_session(*parameters: str, using: str = DEFAULT_DB_ALIAS) -> None:
    """Set PostgreSQL's run-time ``parameters`` back to the connection's own."""
    with connections[using].cursor() as cursor:
        cursor.execute("; ".join(f"RESET {_quote(name)}" for name in parameters))


def read_one_snapshot() -> None:
    """Let the transaction, which must not have read yet, see one moment, and write nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def advisory_lock(key: int) -> Iterator[None]:
    """Hold PostgreSQL's session lock ``key``; wait for it as long as ``lock_timeout`` allows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        try:
            yield
        finally:
            # A lost connection has lost the lock, too.
            with suppress(OperationalError, InterfaceError):
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


class _Names:
    """The quoted names of a model: ``table``, and the column of each field."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self.table = _table(model)

    def __getattr__(self, name: str) -> str:
        field = self._model._meta.get_field(name)
        assert isinstance(field, Field)
        return _quote(str(field.column))


def _set(statement: str, using: str, parameters: dict[str, Any]) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "; ".join(f"{statement} {_quote(name)} = %s" for name in parameters),
            list(parameters.values()),
        )


def _json_records(model: type[Model], columns: Sequence[str]) -> str:
    types = {each.column: str(each.db_type(connection)) for each in model._meta.concrete_fields}
    # Without a length: PostgreSQL then refuses a text that is too long, and does not cut it.
    typed = ", ".join(f"{_quote(name)} {types[name].partition('(')[0]}" for name in columns)
    return f"json_to_recordset(%s) AS new ({typed})"


def _table(model: type[Model]) -> str:
    return _quote(model._meta.db_table)


def _key(model: type[Model]) -> str:
    return str(model._meta.pk.column)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
