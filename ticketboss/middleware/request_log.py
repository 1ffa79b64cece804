"""Logs and measures every request, under an id that its answer and all its log lines carry."""

import re
from collections.abc import Callable
from functools import cache
from time import perf_counter

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from prometheus_client import Histogram
from structlog.contextvars import bind_contextvars, reset_contextvars
from uuid_utils import uuid4

from ticketboss.metrics.requests import REQUEST_SECONDS

log = structlog.get_logger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def request_id_for(sent: str) -> str:
    """Return the id that a client ``sent`` if it is well-formed, else a new one."""
    return sent if _ACCEPTED.fullmatch(sent) else uuid4().hex


class RequestLogMiddleware:
    """Adds ``X-Request-ID``, a log line and a metric to every request that reaches Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Carry out the request under its id."""
        request_id = request_id_for(request.META.get("HTTP_X_REQUEST_ID", ""))
        started = perf_counter()
        bound = bind_contextvars(request_id=request_id)
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
                **_forwarded(request),
            )
        finally:
            reset_contextvars(**bound)
        method = request.method if request.method in _METHODS else "other"
        _histogram(method, response.status_code).observe(seconds)
        response["X-Request-ID"] = request_id
        return response


@cache
def _histogram(method: str, status: int) -> Histogram:
    return REQUEST_SECONDS.labels(method, status)


def _forwarded(request: HttpRequest) -> dict[str, str]:
    """Return who the client is by what a proxy says, if one does."""
    sent = request.META.get("HTTP_X_FORWARDED_FOR")
    return {"forwarded_for": sent[:200]} if sent else {}
