"""Django middleware that only the admin needs, skipped elsewhere to keep API requests fast."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware

_PREFIX = "/admin"


class _AdminOnlyMixin:
    """Skips the middleware for requests outside the admin."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(_PREFIX):
            return self.get_response(request)  # type: ignore[attr-defined]
        return super().__call__(request)  # type: ignore[misc]


class AdminSessionMiddleware(_AdminOnlyMixin, SessionMiddleware):
    """Provides ``request.session``."""


class AdminCsrfMiddleware(_AdminOnlyMixin, CsrfViewMiddleware):
    """Requires a token in forms. A form elsewhere would be refused, because it gets no token."""


class AdminAuthenticationMiddleware(_AdminOnlyMixin, AuthenticationMiddleware):
    """Provides ``request.user``."""


class AdminMessageMiddleware(_AdminOnlyMixin, MessageMiddleware):
    """Provides storage for messages shown on the next page."""
