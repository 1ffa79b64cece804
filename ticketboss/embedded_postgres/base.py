"""A database backend with an embedded PostgreSQL server that starts on the first connection."""

from collections.abc import Iterable
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import client

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError
from ticketboss.postgresql import base
from ticketboss.postgresql.connection import Connection

cluster = Cluster(settings.TICKETBOSS_HOME)


def _start() -> None:
    try:
        cluster.start()
    except EmbeddedPostgresError as error:
        # psycopg's pool and Django treat this as "database unavailable".
        raise psycopg.OperationalError(str(error)) from error


class RestartingConnection(Connection):
    """A connection that starts the server if connecting fails."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Connect; if that fails, start the server and connect again."""
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.OperationalError:
            _start()  # Or wait until another process has started it.
        return super().connect(conninfo, **kwargs)


class DatabaseClient(client.DatabaseClient):
    """Runs the embedded server's psql, for ``manage.py dbshell``."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return psql's command line and environment."""
        params = cluster.connection_params()
        embedded = {"HOST": params["host"], "PORT": params["port"], "USER": params["user"]}
        command, variables = super().settings_to_cmd_args_env(settings_dict | embedded, parameters)
        return [str(cluster.install.bin / "psql"), *command[1:]], variables

    def runshell(self, parameters: Iterable[str]) -> None:
        """Start the server if necessary, and run psql."""
        _start()
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend ``ticketboss.embedded_postgres``; needs no host, user or password."""

    client_class = DatabaseClient
    connection_class = RestartingConnection

    def get_connection_params(self) -> dict[str, Any]:
        """Return the connection parameters of the embedded server."""
        return super().get_connection_params() | cluster.connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; unless the pool is open, start the server first."""
        if self.pool is None or self.pool.closed:
            _start()
        return super().get_new_connection(conn_params)
