"""Plain http, sent to https."""

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.security import SecurityMiddleware


class HTTPSMiddleware(SecurityMiddleware):
    """Django's, but a POST stays a POST: clients repeat it as a GET after a 301 (RFC 9110)."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Redirect what came by http."""
        response = super().process_request(request)
        if response and request.method not in {"GET", "HEAD"}:
            response.status_code = 308
        return response
