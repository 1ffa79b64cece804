"""Sets the deadline of each request (``reservations.deadline``)."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from reservations import deadline
from reservations.deadline import Deadline
from ticketboss.paths import ADMIN


class RequestDeadlineMiddleware:
    """Starts the deadline. ``wsgi.py`` has read the body already, so it runs from its last byte.

    In the admin, each command has a deadline of its own instead: a bulk action may execute many.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        if request.path_info.startswith(ADMIN):
            return self.get_response(request)
        with deadline.within(Deadline.start()):
            return self.get_response(request)
