"""Database connections with a deadline, whose statements stay out of PostgreSQL's log."""

from typing import Any

import psycopg

from reservations import deadline

# The log is another place from which personal data would have to be erased. A statement contains
# its values, and a DETAIL the row that violates a constraint.
LOG_SETTINGS = {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}
"""PostgreSQL's settings that keep statements and rows out of its log when a statement fails."""

_PARAMETER_PRIVILEGES_SINCE = 150_000
_SET = """
    SELECT set_config(name, value, false)
    FROM unnest(%s::text[], %s::text[]) AS setting (name, value) WHERE {allowed}
"""


class Connection(psycopg.Connection[Any]):
    """A connection that is closed if the server does not respond by the deadline.

    It applies ``LOG_SETTINGS`` if its role may, that is, if it has the privilege SET. Otherwise the
    administrator of the server decides (docs/operations.md).
    """

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Connect, and apply the settings with one more round trip."""
        connection = super().connect(conninfo, **kwargs)
        try:
            _apply_log_settings(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server.

        Raises:
            OperationalError: it did not respond in time.
        """
        current = deadline.current()
        if current is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, current.seconds_to_wait())
        except psycopg.errors._WaitTimeout as error:
            # The response may still arrive, so the connection cannot be used again.
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not respond in time") from error


def _apply_log_settings(connection: psycopg.Connection[Any]) -> None:
    allowed = (
        "has_parameter_privilege(name, 'SET')"
        if connection.info.server_version >= _PARAMETER_PRIVILEGES_SINCE
        else "current_setting('is_superuser')::bool"
    )
    before, connection.autocommit = connection.autocommit, True
    connection.execute(
        _SET.format(allowed=allowed), [list(LOG_SETTINGS), list(LOG_SETTINGS.values())]
    )
    connection.autocommit = before
