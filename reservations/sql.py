"""All SQL of the app that is not compiled by the ORM.

Table and column names come from the models and are quoted; values are passed as parameters. The
measurements that justify this SQL are in docs/decisions/0008 and 0011.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, cast

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, Model

READ_CLOCK = "SELECT clock_timestamp()"
"""Returns the current time, unlike ``now()``, which returns the start of the transaction."""

AVOID_SEQUENTIAL_SCANS = "SET LOCAL enable_seqscan = off"
"""Disables sequential scans in the transaction. PostgreSQL caches the plans of foreign key checks
per connection. A plan made while the referenced table is almost empty scans the complete table for
every new row until autovacuum analyses the table, which can be a minute into a sale."""

COMMIT = "COMMIT"

_LOCK_POLL_SECONDS = 0.1


@cache
def insert_from_json(model: type[Model], columns: Sequence[str]) -> str:
    """Return an INSERT of ``columns``. Its one parameter is a JSON array of rows."""
    names = ", ".join(map(_quote, columns))
    records = _json_records(model, columns)
    return f"INSERT INTO {_table(model)} ({names}) SELECT {names} FROM {records}"  # noqa: S608


@cache
def update_from_json(model: type[Model], columns: Sequence[str]) -> str:
    """Return an UPDATE of ``columns`` by primary key. Its one parameter is a JSON array of rows."""
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
    """Return the statement that expires holds and inserts a change for each of them.

    Its parameters are ``events``, the primary keys of locked events, and ``now``. It returns one
    row for each event that had expired holds: the event's primary key, the number of these holds
    and the number of their seats. Versions and available seats of the changes continue from the
    stored row of the event. The statement does not update that row; the caller must.

    The ids of the changes are UUIDv7 (RFC 9562), built in SQL because PostgreSQL has a function for
    them only from version 18. The reasons for a single statement are in docs/decisions/0008.
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


@cache
def claim_periodic_jobs(model: type[Model]) -> str:
    """Return the statement that claims the periodic jobs that are due.

    Its parameters are the lists ``tasks`` and ``intervals``. A job is due unless it was queued
    within the interval that ends now. A time in the future is not in that interval, so a clock that
    was set back delays a job by one interval at most. Each job is returned to only one of several
    concurrent callers, with the time of its claim in Unix seconds.
    """
    j = _Names(model)
    recent = "BETWEEN clock_timestamp() - {}.{} AND clock_timestamp()"
    return f"""
        INSERT INTO {j.table} AS job ({j.task}, {j.every}, {j.queued_at})
        SELECT task, every, clock_timestamp()
        FROM unnest(%(tasks)s::text[], %(intervals)s::interval[]) AS schedule (task, every)
        WHERE NOT EXISTS (
            SELECT FROM {j.table} AS job WHERE job.{j.task} = schedule.task
                AND job.{j.queued_at} {recent.format("schedule", "every")}
        )
        ORDER BY task
        ON CONFLICT ({j.task}) DO UPDATE
            SET {j.every} = EXCLUDED.{j.every}, {j.queued_at} = clock_timestamp()
            WHERE job.{j.queued_at} NOT {recent.format("EXCLUDED", j.every)}
        RETURNING {j.task} AS task, extract(epoch FROM {j.queued_at})::bigint AS timestamp
    """  # noqa: S608


def read_clock() -> datetime:
    """Return PostgreSQL's time, which job times are compared with; hosts' clocks differ from it."""
    with connection.cursor() as cursor:
        cursor.execute(READ_CLOCK)
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def set_for_transaction(**parameters: str | int) -> None:
    """Set PostgreSQL run-time ``parameters`` until the transaction ends."""
    _set("SET LOCAL", DEFAULT_DB_ALIAS, parameters)


def set_for_session(using: str = DEFAULT_DB_ALIAS, **parameters: str | int) -> None:
    """Set PostgreSQL run-time ``parameters`` on the connection with the alias ``using``."""
    _set("SET", using, parameters)


def reset_for_session(*parameters: str, using: str = DEFAULT_DB_ALIAS) -> None:
    """Reset PostgreSQL run-time ``parameters`` to the values that the connection started with."""
    with connections[using].cursor() as cursor:
        cursor.execute("; ".join(f"RESET {_quote(name)}" for name in parameters))


def read_one_snapshot() -> None:
    """Make the transaction read-only, with one snapshot for all its queries.

    Must be called before the first query of the transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@contextmanager
def advisory_lock(key: int) -> Iterator[None]:
    """Hold PostgreSQL's session-level advisory lock ``key``, after waiting for other sessions.

    The session asks again and again, because one that waits for a lock would deadlock with a holder
    that creates an index concurrently: PostgreSQL waits for all older transactions then.
    """
    with connection.cursor() as cursor:
        while not _try_advisory_lock(cursor, key):
            time.sleep(_LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            # A lost connection has released the lock.
            with suppress(OperationalError, InterfaceError):
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _try_advisory_lock(cursor: CursorWrapper, key: int) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
    [locked] = cursor.fetchone()
    return bool(locked)


def advisory_locks_until_commit(*names: str) -> None:
    """Hold PostgreSQL's advisory locks for ``names`` until the transaction ends.

    Raises:
        OperationalError: a lock was not granted in time.
    """
    keys = {int.from_bytes(sha256(name.encode()).digest()[:8], signed=True) for name in names}
    with connection.cursor() as cursor:
        # Always in the same order, so that transactions cannot deadlock.
        for key in sorted(keys):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


class _Names:
    """Quoted names of a model: ``table``, and the column of any field as an attribute."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self.table = _table(model)

    def __getattr__(self, name: str) -> str:
        field = cast("Field[Any, Any]", self._model._meta.get_field(name))
        return _quote(str(field.column))


def _set(statement: str, using: str, parameters: dict[str, Any]) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "; ".join(f"{statement} {_quote(name)} = %s" for name in parameters),
            list(parameters.values()),
        )


def _json_records(model: type[Model], columns: Sequence[str]) -> str:
    types = {each.column: str(each.db_type(connection)) for each in model._meta.concrete_fields}
    # Omit the length of a type, so that PostgreSQL rejects text that is too long for the column
    # instead of truncating it.
    typed = ", ".join(f"{_quote(name)} {types[name].partition('(')[0]}" for name in columns)
    return f"json_to_recordset(%s) AS new ({typed})"


def _table(model: type[Model]) -> str:
    return _quote(model._meta.db_table)


def _key(model: type[Model]) -> str:
    return str(model._meta.pk.column)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
