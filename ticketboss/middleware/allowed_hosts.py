"""Validation of the Host header."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from reservations.api import exceptions
from ticketboss.paths import PROBES


def _default_host() -> str:
    first = (settings.ALLOWED_HOSTS or ["localhost"])[0]
    return "localhost" if first == "*" else first.removeprefix(".")


class AllowedHostsMiddleware:
    """Returns 400 for an unknown Host. In development, Django would show its debug page instead."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._last_valid = ""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Validate the Host header, except that of probes, and pass the request on."""
        host = request.META.get("HTTP_HOST")
        if host and host == self._last_valid:
            return self.get_response(request)
        # Their Host may be the server's IP address, which ALLOWED_HOSTS cannot list in advance.
        if request.path_info in PROBES:
            request.META["HTTP_HOST"] = _default_host()
        try:
            request.get_host()
        except DisallowedHost as error:
            return exceptions.bad_request(request, error)
        self._last_valid = request.META.get("HTTP_HOST", "")
        return self.get_response(request)
