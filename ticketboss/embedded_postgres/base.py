"""Django's PostgreSQL backend, on a server that starts when it is first needed."""

from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError

cluster = Cluster(settings.TICKETBOSS_HOME)


def _start() -> None:
    try:
        cluster.start()
    except EmbeddedPostgresError as error:
        # What the callers, psycopg's pool and Django, take for "no database".
        raise psycopg.OperationalError(str(error)) from error


class RevivingConnection(psycopg.Connection[Any]):
    """A connection that starts the server again when it finds it dead."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Connect, after starting the server if need be."""
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.OperationalError:
            _start()  # Or wait until another process has.
        return super().connect(conninfo, **kwargs)


class DatabaseWrapper(base.DatabaseWrapper):
    """``ENGINE = "ticketboss.embedded_postgres"``: no host, user or password to configure."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        if pool := self.settings_dict["OPTIONS"].get("pool"):
            pool["connection_class"] = RevivingConnection

    def get_connection_params(self) -> dict[str, Any]:
        """Name the embedded server."""
        return super().get_connection_params() | cluster.connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; the first time in a process, see that the server runs."""
        if self.pool is None or self.pool.closed:
            _start()
        return super().get_new_connection(conn_params)
