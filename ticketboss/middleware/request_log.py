"""Logging and metrics for every request, and the request id in its log lines and its response."""

import re
from collections.abc import Callable
from functools import cache
from time import perf_counter

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from prometheus_client import Histogram
from uuid_utils import uuid4

from reservations.request_context import request_id
from ticketboss.metrics.requests import REQUEST_SECONDS

log = structlog.get_logger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def _request_id(sent: str | None) -> str:
    """Return the id ``sent`` by the client if it is well-formed, otherwise a new one."""
    return sent if sent and _VALID_ID.fullmatch(sent) else uuid4().hex


class RequestLogMiddleware:
    """Adds ``X-Request-ID`` to every response of Django, and logs and measures the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on with its id bound to the log context."""
        own_id = _request_id(request.META.get("HTTP_X_REQUEST_ID"))
        started = perf_counter()
        token = request_id.set(own_id)
        try:
            response = self.get_response(request)
            seconds = perf_counter() - started
            log.info(
                "request",
                method=request.method,
                path=escape_uri_path(request.path),
                status=response.status_code,
                milliseconds=round(seconds * 1000, 1),
                client=request.META.get("REMOTE_ADDR"),
            )
        finally:
            request_id.reset(token)
        method = request.method if request.method in _METHODS else "other"
        _histogram(method, response.status_code).observe(seconds)
        response["X-Request-ID"] = own_id
        return response


@cache
def _histogram(method: str, status: int) -> Histogram:
    return REQUEST_SECONDS.labels(method, status)
