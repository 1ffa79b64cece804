"""Django's PostgreSQL backend with deadlines for connections, statements and responses.

Without a current deadline, for example in jobs, the limits are those of the settings: the pool's
timeout and the session's ``statement_timeout``.
"""

from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

from reservations import deadline
from ticketboss.postgresql.connection import Connection


class DeadlinePool(ConnectionPool[Any]):
    """A pool in which a request waits for a connection until its deadline at most."""

    def getconn(self, timeout: float | None = None) -> Any:
        """Return a connection.

        Raises:
            PoolTimeout: there was none in time.
        """
        limit = self.timeout if timeout is None else timeout
        if current := deadline.current():
            limit = min(limit, max(current.remaining(), 0))
        return super().getconn(limit)


def limit_statement(
    execute: Callable[..., Any],
    sql: str,
    params: Any,
    many: bool,  # noqa: FBT001 (Django passes it by position)
    context: dict[str, Any],
) -> Any:
    """Execute ``sql`` with the time left as its timeout (a Django ``execute_wrapper``).

    ``statement_timeout`` includes every wait for a lock. It is sent with the statement in one
    message, so it costs no round trip.

    Raises:
        OperationalError: there is no time left.
    """
    current = deadline.current()
    cursor = context["cursor"].cursor
    if current is None or many or isinstance(cursor, base.ServerSideCursor):
        return execute(sql, params, many, context)
    milliseconds = int(current.remaining() * 1000)
    if milliseconds < 1:
        raise OperationalError("the request has no time left")
    result = execute(*_with_timeout(milliseconds, sql, params), many, context)
    cursor.nextset()
    return result


def _with_timeout(milliseconds: int, sql: str, params: Any) -> tuple[str, Any]:
    if params is None:
        return f"SET LOCAL statement_timeout = {milliseconds};{sql}", None
    # A parameter, so that psycopg can cache the parsed text.
    if isinstance(params, dict):
        text = f"SET LOCAL statement_timeout = %(statement_timeout)s;{sql}"
        return text, params | {"statement_timeout": milliseconds}
    return f"SET LOCAL statement_timeout = %s;{sql}", [milliseconds, *params]


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend ``ticketboss.postgresql``."""

    connection_class: type[Connection] = Connection

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        self.execute_wrappers.append(limit_statement)

    @property
    def pool(self) -> Any:
        """The pool of this process, or None if the settings disable it."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if not options or self.alias == NO_DB_ALIAS:
            return None
        pools: dict[str, DeadlinePool] = self._connection_pools  # type: ignore[attr-defined]
        if self.alias not in pools:
            # Of threads that do this at the same time, the first one wins.
            pools.setdefault(self.alias, self._create_pool(options))
        return pools[self.alias]

    def _create_pool(self, options: dict[str, Any]) -> DeadlinePool:
        return DeadlinePool(
            # Django sets autocommit itself, later.
            kwargs=self.get_connection_params() | {"autocommit": True},
            open=False,
            configure=self._configure_connection,  # type: ignore[attr-defined]
            check=DeadlinePool.check_connection,
            connection_class=self.connection_class,
            **options,
        )
