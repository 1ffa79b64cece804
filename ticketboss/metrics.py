"""``/metrics``: what Prometheus reads, see docs/operations.md."""

import os
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.core.signals import request_finished
from django.db import Error
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool

from reservations import queries
from reservations.api import errors

_MAX_EVENTS = 100

REQUEST_SECONDS = Histogram(
    "ticketboss_request_seconds", "HTTP requests, by method and status", ["method", "status"]
)
for _method in ("GET", "POST", "DELETE"):
    # From the start, since Prometheus cannot tell that a figure has risen which it has never seen.
    REQUEST_SECONDS.labels(_method, 500)
_POOL_IN_USE = Gauge(
    "ticketboss_pool_in_use", "Database connections in use", multiprocess_mode="livesum"
)
_POOL_MAX = Gauge(
    "ticketboss_pool_max", "Most connections that there may be", multiprocess_mode="livesum"
)
_POOL_WAITING = Gauge(
    "ticketboss_pool_waiting", "Requests that wait for a connection", multiprocess_mode="livesum"
)


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics of all workers, if the address may know them."""
    if not _is_allowed(request):
        return errors.not_found(request)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    figures = CollectorRegistry()
    figures.register(_Figures())
    body = generate_latest(registry) + generate_latest(figures)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _is_allowed(request: HttpRequest) -> bool:
    # What comes through a proxy has the proxy's address, and is not for everybody.
    peer = request.META.get("REMOTE_ADDR")
    if not peer or "X-Forwarded-For" in request.headers:
        return False
    address = ip_address(peer)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in settings.METRICS_ALLOWED_IPS)


class _Figures(Collector):
    """What the database knows, asked once for each answer."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        seats = {
            name: GaugeMetricFamily(f"ticketboss_event_{name}_seats", text, labels=["event"])
            for name, text in (("available", "Seats left"), ("total", "Seats in all"))
        }
        try:
            for event in queries.get_upcoming_events(limit=_MAX_EVENTS):
                seats["available"].add_metric([event.slug], event.available_seats)
                seats["total"].add_metric([event.slug], event.total_seats)
            reached = 1
        except Error:
            reached = 0
        yield GaugeMetricFamily("ticketboss_database_up", "1 if it could be asked", value=reached)
        yield from seats.values()


class _PoolGauges:
    """Keep this process's pool gauges up to date: whenever a connection is taken or given back."""

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
    """Do so from now on."""
    gauges = _PoolGauges()
    connection_created.connect(gauges.taken, weak=False)
    request_finished.connect(gauges.update, weak=False)
