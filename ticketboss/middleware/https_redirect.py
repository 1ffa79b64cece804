"""Redirects that preserve the request's method."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class HttpsRedirectMiddleware:
    """Replaces a 301 with 308 unless the method is GET or HEAD.

    After a 301, clients may repeat a POST as a GET (RFC 9110).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, and adjust the status of a redirect."""
        response = self.get_response(request)
        if response.status_code == 301 and request.method not in {"GET", "HEAD"}:  # noqa: PLR2004
            response.status_code = 308
        return response
