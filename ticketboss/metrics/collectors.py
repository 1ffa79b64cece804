"""Metrics that are read from the database at each scrape."""

from collections.abc import Iterator
from itertools import product

from django.core.management.base import CommandError
from django.db import Error
from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reservations import queries
from ticketboss.serving.bootstrap import check_database_connection

_MAX_EVENTS = 100
_QUEUES = ("mail", "maintenance")
_JOB_STATUSES = ("todo", "doing", "failed")


class DatabaseCollector(Collector):
    """Collects seats of upcoming events, job counts, and whether the database is up."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics; samples of seats and jobs are missing if their query fails."""
        seats = {
            name: GaugeMetricFamily(f"ticketboss_event_{name}_seats", text, labels=["event"])
            for name, text in (
                ("available", "Available seats"),
                ("held", "Held seats"),
                ("total", "Total seats"),
            )
        }
        jobs = GaugeMetricFamily(
            "ticketboss_jobs", "Unfinished and failed jobs", labels=["queue", "status"]
        )
        try:
            for event in queries.get_upcoming_events(limit=_MAX_EVENTS):
                seats["available"].add_metric([event.slug], event.available_seats)
                seats["held"].add_metric([event.slug], event.held_seats)
                seats["total"].add_metric([event.slug], event.total_seats)
            for (queue, status), number in _count_jobs().items():
                jobs.add_metric([queue, status], number)
            up = True
        except Error:
            up = _is_database_up()
        yield GaugeMetricFamily(
            "ticketboss_database_up", "1 if the database is reachable, otherwise 0", value=up
        )
        yield from seats.values()
        yield jobs


def _count_jobs() -> dict[tuple[str, str], int]:
    """Count jobs by queue and status, including zeros. The worker deletes successful jobs."""
    found = dict.fromkeys(product(_QUEUES, _JOB_STATUSES), 0)
    rows = ProcrastinateJob.objects.filter(status__in=_JOB_STATUSES).order_by()
    counted = rows.values_list("queue_name", "status").annotate(number=Count("pk"))
    return found | {(queue, status): number for queue, status, number in counted}


def _is_database_up() -> bool:
    """Connect without the pool: a failed query may only mean that the pool was exhausted."""
    try:
        check_database_connection()
    except CommandError:
        return False
    return True
