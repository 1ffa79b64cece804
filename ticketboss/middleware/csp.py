"""The Content-Security-Policy of our own pages."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Alpine.js, which the admin's look is made with, compiles its expressions in the browser.
_ADMIN = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}


class PageCSPMiddleware(CSPMiddleware):
    """A strict policy for every page, a wider one for the admin, none for what is no page."""

    def process_request(self, request: HttpRequest) -> None:
        """Make no nonce: no page has an inline script, and few requests are for a page."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the header."""
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, *args: bool, **named: bool
    ) -> PolicyParts:
        """Return the policy for this page."""
        parts = super().get_policy_parts(request, response, *args, **named)
        if request.path_info.startswith("/admin/"):
            parts.update = _ADMIN
        return parts
