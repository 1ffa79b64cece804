"""Connections to a server that DATABASE_URL names."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from reservations.tests.database import second_connection
from ticketboss.postgresql.connection import LOG_SETTINGS, Connection

pytestmark = pytest.mark.django_db

DEFAULTS = {"log_min_error_statement": "error", "log_error_verbosity": "default"}


def read_settings(connected: psycopg.Connection) -> dict[str, str]:
    rows = connected.execute(
        "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [list(LOG_SETTINGS)]
    )
    return dict(rows.fetchall())


@pytest.fixture
def role() -> Iterator[str]:
    """A role that may only log in. Roles are shared by all databases of the server."""
    name = f"test_{secrets.token_hex(8)}"
    with second_connection(autocommit=True) as other:
        quoted = sql.Identifier(name)
        other.execute(sql.SQL("CREATE ROLE {} LOGIN").format(quoted))
        for setting, value in DEFAULTS.items():
            statement = sql.SQL("ALTER ROLE {} SET {} = {}")
            other.execute(statement.format(quoted, sql.Identifier(setting), sql.Literal(value)))
        yield name
        other.execute(sql.SQL("DROP OWNED BY {}").format(quoted))
        other.execute(sql.SQL("DROP ROLE {}").format(quoted))


def connect(**params: object) -> psycopg.Connection:
    connected = Connection.connect(**connection.get_connection_params() | params)
    assert isinstance(connected, psycopg.Connection)
    return connected


def test_superuser_keeps_statements_out_of_the_log() -> None:
    with connect() as connected:
        assert not connected.autocommit
        assert connected.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert read_settings(connected) == LOG_SETTINGS


def test_role_that_may_not_set_them_can_connect(role: str) -> None:
    with connect(user=role) as connected:
        assert read_settings(connected) == DEFAULTS


def test_role_that_was_granted_one_sets_only_that(role: str) -> None:
    if not connection.features.is_postgresql_15:  # type: ignore[attr-defined]
        pytest.skip("PostgreSQL 14 has no privileges for settings")
    with second_connection(autocommit=True) as other:
        grant = sql.SQL("GRANT SET ON PARAMETER log_min_error_statement TO {}")
        other.execute(grant.format(sql.Identifier(role)))
    with connect(user=role) as connected:
        assert read_settings(connected) == DEFAULTS | {"log_min_error_statement": "panic"}


def test_pool_uses_these_connections() -> None:
    connection.ensure_connection()
    assert isinstance(connection.connection, Connection)
