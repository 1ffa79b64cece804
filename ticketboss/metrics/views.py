"""The ``/metrics`` endpoint for Prometheus (docs/operations.md)."""

import os
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from reservations.api import exceptions
from ticketboss.metrics.collectors import DatabaseCollector

# Proxied requests are rejected: they all come from the proxy's address.
_PROXY_HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


@csrf_exempt
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of all web processes, or 404 if the client's address is not allowed."""
    if request.method != "GET" or not _is_allowed(request):
        return exceptions.not_found(request)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    database_registry = CollectorRegistry()
    database_registry.register(DatabaseCollector())
    body = generate_latest(registry) + generate_latest(database_registry)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _is_allowed(request: HttpRequest) -> bool:
    peer = request.META.get("REMOTE_ADDR")
    if not peer or any(name in request.headers for name in _PROXY_HEADERS):
        return False
    address = ip_address(peer)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in settings.METRICS_ALLOWED_IPS)
