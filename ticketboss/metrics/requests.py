"""Metrics of HTTP requests."""

from prometheus_client import Counter, Histogram

REQUESTS_SHED = Counter(
    "ticketboss_requests_shed", "Requests that were answered 503 since too many were in flight"
)
REQUEST_SECONDS = Histogram(
    "ticketboss_request_seconds", "HTTP requests, by method and status", ["method", "status"]
)
for _method in ("GET", "POST", "DELETE"):
    # From the start, since Prometheus cannot tell that a figure has risen which it has never seen.
    REQUEST_SECONDS.labels(_method, 500)
