"""Metrics that are read from the database for each answer."""

from collections.abc import Iterator
from itertools import product

from django.core.management.base import CommandError
from django.db import Error
from django.db.models import Count
from procrastinate.contrib.django.models import ProcrastinateJob
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reservations import queries
from ticketboss.serving.bootstrap import reach_database

_MAX_EVENTS = 100
_QUEUES = ("mail", "maintenance")
_JOB_STATUSES = ("todo", "doing", "failed")


class DatabaseCollector(Collector):
    """Seats of events, jobs, and whether the database answers."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read them; no seats and jobs while the database does not answer."""
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
