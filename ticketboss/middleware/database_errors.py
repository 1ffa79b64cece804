"""Handles overload and database outages outside the API, whose views handle them themselves."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from reservations.api import exceptions
from reservations.database_errors import UNAVAILABLE
from reservations.errors import Busy

log = structlog.get_logger(__name__)


class DatabaseErrorMiddleware:
    """Returns 503 instead of 500 for what is not a bug: overload, or no database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return 503 if the database is unavailable or the server busy, otherwise None."""
        if isinstance(exception, Busy):
            return exceptions.busy(request)
        if not isinstance(exception, UNAVAILABLE):
            return None
        log.warning("database.unavailable", reason=str(exception))
        return exceptions.unavailable(request)
