"""``/metrics``: what Prometheus reads, see docs/operations.md."""

import os
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from itertools import product

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from reservations import queries
from reservations.api import errors
from ticketboss.first_run import reach_database

_MAX_EVENTS = 100
_QUEUES = ("mail", "upkeep")
_JOB_STATUSES = ("todo", "doing", "failed")
# What comes through a proxy has the proxy's address, whoever asks.
_OF_PROXIES = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")

TURNED_AWAY = Counter(
    "ticketboss_turned_away", "Requests that were answered 503 since too many were in flight"
)
REQUEST_SECONDS = Histogram(
    "ticketboss_request_seconds", "HTTP requests, by method and status", ["method", "status"]
)
for _method in ("GET", "POST", "DELETE"):
    # From the start, since Prometheus cannot tell that a figure has risen which it has never seen.
    REQUEST_SECONDS.labels(_method, 500)


@csrf_exempt
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics of all workers, if the address may know them."""
    if request.method != "GET" or not _is_allowed(request):
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
    peer = request.META.get("REMOTE_ADDR")
    if not peer or any(name in request.headers for name in _OF_PROXIES):
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
            for name, text in (
                ("available", "Seats left"),
                ("held", "Seats held"),
                ("total", "Seats in all"),
            )
        }
        jobs = GaugeMetricFamily("ticketboss_jobs", "Jobs", labels=["queue", "status"])
        try:
            for event in queries.get_upcoming_events(limit=_MAX_EVENTS):
                seats["available"].add_metric([event.slug], event.available_seats)
                seats["held"].add_metric([event.slug], event.held_seats)
                seats["total"].add_metric([event.slug], event.total_seats)
            for (queue, status), number in _count_jobs().items():
                jobs.add_metric([queue, status], number)
            up = True
        except Error:
            up = _database_answers()
        yield GaugeMetricFamily("ticketboss_database_up", "1 if the database answers", value=up)
        yield from seats.values()
        yield jobs


def _count_jobs() -> dict[tuple[str, str], int]:
    """Count the jobs that are not done; those that are done are removed."""
    found = dict.fromkeys(product(_QUEUES, _JOB_STATUSES), 0)
    rows = ProcrastinateJob.objects.filter(status__in=_JOB_STATUSES).order_by()
    counted = rows.values_list("queue_name", "status").annotate(number=Count("pk"))
    return found | {(queue, status): number for queue, status, number in counted}


def _database_answers() -> bool:
    """Ask without the pool, which may only have no connection to spare."""
    try:
        reach_database()
    except CommandError:
        return False
    return True
