"""Requests that find no database, outside of the API, which answers for itself."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from reservations.api import exceptions
from reservations.database_errors import UNAVAILABLE

log = structlog.get_logger(__name__)


class DatabaseErrorMiddleware:
    """Answer 503 instead of 500: nothing is wrong with the request, or with us."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a view could not."""
        if not isinstance(exception, UNAVAILABLE):
            return None
        log.warning("database.unavailable", reason=str(exception))
        return exceptions.unavailable(request)
