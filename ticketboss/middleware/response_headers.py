"""The headers that all responses have: their length, and what browsers may do with them."""

from collections.abc import Callable

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from ticketboss.paths import ADMIN

_GetResponse = Callable[[HttpRequest], HttpResponse]

# No content, not modified. The length would be that of a body that is not sent.
_WITHOUT_BODY = frozenset({204, 304})
# Unfold, the admin's theme, uses Alpine.js, which compiles its expressions in the browser.
_ADMIN_POLICY = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}


class ResponseHeadersMiddleware:
    """Sets Content-Length and security headers.

    Only pages get all of Django's security headers: frames, referrers and scripts mean nothing to
    JSON, and each header takes time.
    """

    def __init__(self, get_response: _GetResponse) -> None:
        self.get_response = get_response
        self._for_all = SecurityMiddleware(get_response)
        vars(self._for_all).update(referrer_policy=None, cross_origin_opener_policy=None)
        self._for_pages = (
            SecurityMiddleware(get_response),
            XFrameOptionsMiddleware(get_response),
            _PageCSP(get_response),
        )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on and add the headers to its response."""
        response = self.get_response(request)
        if not (response.streaming or response.status_code in _WITHOUT_BODY):
            response.headers["Content-Length"] = str(len(response.content))
        if response.headers.get("Content-Type", "").startswith("text/html"):
            for each in self._for_pages:
                each.process_response(request, response)
        else:
            self._for_all.process_response(request, response)
        return response


class _PageCSP(CSPMiddleware):
    """A strict Content-Security-Policy, and a more permissive one in the admin."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, *args: bool, **named: bool
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, *args, **named)
        if request.path_info.startswith(ADMIN):
            parts.update = _ADMIN_POLICY
        return parts
