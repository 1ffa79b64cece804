"""Responses to requests that the server refuses, or that fail, outside the API's views."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views import defaults
from django.views.debug import ExceptionReporter
from rest_framework import status
from rest_framework.exceptions import APIException

from reservations.api.exceptions import exception_handler, wants_page
from reservations.api.v1.exceptions import exception_handler as v1_exception_handler
from reservations.errors import Busy
from ticketboss.metrics.requests import REQUESTS_SHED
from ticketboss.paths import API_V1
from ticketboss.serving.errors import ERROR, RequestError

log = structlog.get_logger(__name__)

_TITLES = {
    400: "Bad request",
    408: "Request timeout",
    414: "URI too long",
    417: "Expectation failed",
    431: "Request headers too large",
    501: "Not implemented",
}
_CODES = {
    400: "invalid",
    408: "request_timeout",
    413: "payload_too_large",
    414: "uri_too_long",
    417: "expectation_failed",
    431: "request_header_fields_too_large",
    501: "not_implemented",
}


class RequestErrorMiddleware:
    """Answers a request whose environ has a ``RequestError``.

    ``wsgi.py`` and the worker put it there. Middleware that comes before this one adds the headers,
    the log line and the metrics that all responses have in common.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return an error response, or pass the request on."""
        error: RequestError | None = request.META.get(ERROR)
        if error is None:
            return self.get_response(request)
        if error.status == status.HTTP_503_SERVICE_UNAVAILABLE:
            REQUESTS_SHED.inc()
            return error_response(request, Busy())
        if error.status == status.HTTP_500_INTERNAL_SERVER_ERROR:
            return _crash_response(request, error.__cause__ or error)
        cause = {"cause": repr(error.__cause__)} if error.__cause__ else {}
        log.warning("request.refused", status=error.status, reason=str(error), **cause)
        exception = APIException(_sentence(error))
        exception.status_code = error.status
        exception.default_code = _CODES[error.status]
        return error_response(request, exception)


def error_response(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Return the response for an error, in the format of the API that the request is for."""
    v1 = request.path_info.startswith(API_V1)
    return (v1_exception_handler if v1 else exception_handler)(exception, {})


def _crash_response(request: HttpRequest, cause: BaseException) -> HttpResponseBase:
    """Log the traceback, and return 500: Django's debug page to a browser, if DEBUG is set."""
    log.error("request.crashed", exc_info=cause)
    if settings.DEBUG and wants_page(request):
        # Without the request, whose route may be what cannot be found.
        reporter = ExceptionReporter(None, type(cause), cause, cause.__traceback__)
        return HttpResponse(reporter.get_traceback_html(), status=500)
    return error_response(request, _internal_error())


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Return 500 for an exception that Django has logged (its ``handler500``)."""
    response = (
        defaults.server_error(request)
        if wants_page(request)
        else error_response(request, _internal_error())
    )
    patch_vary_headers(response, ["Accept"])
    return response


def _internal_error() -> APIException:
    exception = APIException("Internal server error")
    exception.default_code = "internal_error"
    return exception


def _sentence(error: RequestError) -> str:
    return f"{_TITLES[error.status]}: {error}" if error.status in _TITLES else str(error)
