"""A request for a host that is not ours."""

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from reservations.api import errors


class KnownHostMiddleware:
    """Refuse a forged Host header the same way in development, where Django shows a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, if the host is one of ours."""
        try:
            request.get_host()
        except DisallowedHost as error:
            return errors.bad_request(request, error)
        return self.get_response(request)
