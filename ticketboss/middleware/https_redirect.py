"""Redirects that leave a request as it is."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class HttpsRedirectMiddleware:
    """Send a POST to https with 308: clients repeat it as a GET after a 301 (RFC 9110)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, never with a 301 to what is no GET."""
        response = self.get_response(request)
        if response.status_code == 301 and request.method not in {"GET", "HEAD"}:  # noqa: PLR2004
            response.status_code = 308
        return response
