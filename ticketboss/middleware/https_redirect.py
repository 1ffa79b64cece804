"""Redirects from HTTP to HTTPS."""

from typing import cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware


class HttpsRedirectMiddleware(SecurityMiddleware):
    """Redirects like Django's middleware, but with 308 unless the method is GET or HEAD.

    After a 301, clients may repeat a POST as a GET (RFC 9110). Django's security headers are set by
    ``ResponseHeadersMiddleware``.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Redirect the request, or pass it on."""
        response = cast(
            "HttpResponseBase", self.process_request(request) or self.get_response(request)
        )
        if response.status_code == 301 and request.method not in {"GET", "HEAD"}:  # noqa: PLR2004
            response.status_code = 308
        return response
