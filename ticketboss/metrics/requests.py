"""Metrics of HTTP requests."""

from prometheus_client import Counter, Histogram

REQUESTS_SHED = Counter(
    "ticketboss_requests_shed",
    "Requests answered with 503 because the process has too many",
)
REQUEST_SECONDS = Histogram(
    "ticketboss_request_seconds", "Duration of HTTP requests", ["method", "status"]
)
for _method in ("GET", "POST", "DELETE"):
    # Export these from the start: Prometheus cannot detect an increase in the first sample of a
    # time series.
    REQUEST_SECONDS.labels(_method, 500)
