"""How many of a process's database connections are in use, for Prometheus."""

from django.core.signals import request_finished
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.signals import connection_created
from prometheus_client import Gauge
from psycopg_pool import ConnectionPool

_POOL_IN_USE = Gauge(
    "ticketboss_pool_in_use", "Database connections in use", multiprocess_mode="livesum"
)
_POOL_MAX = Gauge(
    "ticketboss_pool_max", "Most connections that there may be", multiprocess_mode="livesum"
)
_POOL_WAITING = Gauge(
    "ticketboss_pool_waiting", "Requests that wait for a connection", multiprocess_mode="livesum"
)


class _PoolGauges:
    """What is done whenever a connection is taken or given back."""

    def __init__(self) -> None:
        self.pool: ConnectionPool | None = None

    def taken(self, connection: DatabaseWrapper, **_: object) -> None:
        pool: ConnectionPool | None = connection.pool
        self.pool = pool
        self.update()

    def update(self, **_: object) -> None:
        if self.pool:
            stats = self.pool.get_stats()
            _POOL_IN_USE.set(stats["pool_size"] - stats["pool_available"])
            _POOL_MAX.set(stats["pool_max"])
            _POOL_WAITING.set(stats.get("requests_waiting", 0))


def watch_the_pool() -> None:
    """Keep the gauges of this process up to date from now on."""
    gauges = _PoolGauges()
    connection_created.connect(gauges.taken, weak=False)
    request_finished.connect(gauges.update, weak=False)
