"""A request for a host that is not ours."""

import re
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from reservations.api import exceptions

# Asked by address, which nobody can list.
_PROBE = re.compile(r"/(health|ready|metrics)/?")


def _known_host() -> str:
    first = (settings.ALLOWED_HOSTS or ["localhost"])[0]
    return "localhost" if first == "*" else first.removeprefix(".")


class AllowedHostsMiddleware:
    """Refuse a forged Host header the same way in development, where Django shows a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, if the host is one of ours."""
        if _PROBE.fullmatch(request.path_info):
            request.META["HTTP_HOST"] = _known_host()
        try:
            request.get_host()
        except DisallowedHost as error:
            return exceptions.bad_request(request, error)
        return self.get_response(request)
