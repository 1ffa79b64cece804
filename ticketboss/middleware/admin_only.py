"""What only the admin's pages need, and a sale should not pay for."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest

_PREFIX = "/admin"


class _AdminOnly:
    """Middleware that lets all other requests pass untouched."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(_PREFIX):
            return self.get_response(request)  # type: ignore[attr-defined]
        return super().__call__(request)  # type: ignore[misc]


class AdminSessionMiddleware(_AdminOnly, SessionMiddleware):
    """Who is logged in, between requests."""


class AdminAuthenticationMiddleware(_AdminOnly, AuthenticationMiddleware):
    """``request.user``."""


class AdminMessageMiddleware(_AdminOnly, MessageMiddleware):
    """What the next page says."""
