"""Handles database outages outside the API, whose views have their own exception handler."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from reservations.api import exceptions
from reservations.database_errors import UNAVAILABLE

log = structlog.get_logger(__name__)


class DatabaseErrorMiddleware:
    """Returns 503 instead of 500 when the database is unavailable, which is not a bug."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return a 503 response if the database is unavailable, otherwise None."""
        if not isinstance(exception, UNAVAILABLE):
            return None
        log.warning("database.unavailable", reason=str(exception))
        return exceptions.unavailable(request)
