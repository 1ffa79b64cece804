"""The Content-Security-Policy of HTML pages."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Unfold, the admin's theme, uses Alpine.js, which compiles its expressions in the browser.
_ADMIN = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}


class PageCSPMiddleware(CSPMiddleware):
    """Sets a strict policy on HTML pages, a more permissive one in the admin, none elsewhere."""

    def process_request(self, request: HttpRequest) -> None:
        """Skip creating a nonce: no page has inline scripts, and few requests are for pages."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the header to HTML responses."""
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
