"""Django middleware that only the admin needs, skipped elsewhere to keep API requests fast."""

from collections.abc import Callable
from typing import Any

from axes.middleware import AxesMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from reservations.request_context import admin_request
from ticketboss.accounts import sessions
from ticketboss.paths import ADMIN


class _AdminOnlyMixin:
    """Skips ``process_request`` and ``process_response`` outside the admin."""

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(ADMIN):
            return self.get_response(request)  # type: ignore[attr-defined]
        return super().__call__(request)  # type: ignore[misc]


class AdminSessionMiddleware(_AdminOnlyMixin, SessionMiddleware):
    """Provides ``request.session``, unless it is too old."""

    def process_request(self, request: HttpRequest) -> None:
        """Load the session, and end or extend it."""
        super().process_request(request)
        sessions.extend_or_end(request.session)


class AdminCsrfMiddleware(_AdminOnlyMixin, CsrfViewMiddleware):
    """Requires a token in forms.

    Outside the admin, only ``process_view`` runs. It refuses forms, because no cookie was read.
    """


class AdminAuthenticationMiddleware(_AdminOnlyMixin, AuthenticationMiddleware):
    """Provides ``request.user``."""


class AdminRequestMiddleware:
    """Lets the audit log find out who makes a change, and from where."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        if not request.path_info.startswith(ADMIN):
            return self.get_response(request)
        token = admin_request.set(request)
        try:
            return self.get_response(request)
        finally:
            admin_request.reset(token)


class AdminMessageMiddleware(_AdminOnlyMixin, MessageMiddleware):
    """Provides storage for messages shown on the next page."""


class AdminLockoutMiddleware(_AdminOnlyMixin, AxesMiddleware):
    """Answers 429 if a login was refused because of too many attempts."""
