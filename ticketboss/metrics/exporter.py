"""The WSGI application of the listener for Prometheus (docs/operations.md)."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from django.db import connection
from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

from ticketboss.metrics.collectors import DatabaseCollector
from ticketboss.serving.http_parser import Environ

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


def make_registry() -> CollectorRegistry:
    """Return the metrics of all web processes, and those that are read from the database."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(DatabaseCollector())
    return registry


_application = make_wsgi_app(make_registry())


def application(environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
    """Answer every request with the metrics."""
    try:
        return cast("Iterable[bytes]", _application(environ, start_response))
    finally:
        connection.close()  # Return it to the pool: no request of Django ends here.
