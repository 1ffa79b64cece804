"""Metrics of the process's database connection pool."""

from django.core.signals import request_finished
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.signals import connection_created
from prometheus_client import Gauge
from psycopg_pool import ConnectionPool

_POOL_IN_USE = Gauge(
    "ticketboss_pool_in_use", "Database connections in use", multiprocess_mode="livesum"
)
_POOL_MAX = Gauge(
    "ticketboss_pool_max", "Maximum number of database connections", multiprocess_mode="livesum"
)
_POOL_WAITING = Gauge(
    "ticketboss_pool_waiting",
    "Requests waiting for a database connection",
    multiprocess_mode="livesum",
)


class _PoolGauges:
    """Signal handlers that update the gauges when a connection is taken or a request ends."""

    def __init__(self) -> None:
        self.pool: ConnectionPool | None = None

    def on_connection_created(self, connection: DatabaseWrapper, **_: object) -> None:
        pool: ConnectionPool | None = connection.pool
        self.pool = pool
        self.update()

    def update(self, **_: object) -> None:
        if self.pool:
            stats = self.pool.get_stats()
            _POOL_IN_USE.set(stats["pool_size"] - stats["pool_available"])
            _POOL_MAX.set(stats["pool_max"])
            _POOL_WAITING.set(stats.get("requests_waiting", 0))


def track_pool() -> None:
    """Connect the signal handlers that keep the gauges of this process up to date."""
    gauges = _PoolGauges()
    connection_created.connect(gauges.on_connection_created, weak=False)
    request_finished.connect(gauges.update, weak=False)
