"""Admin page for failed attempts to log in."""

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest

from reservations.admin.base import LenientChangeListAdmin


@admin.register(AccessAttempt)
class AccessAttemptAdmin(LenientChangeListAdmin[AccessAttempt]):
    """Failed attempts by account and address. Deleting them unlocks the account there."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    list_display_links = None
    search_fields = ("username", "ip_address")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: the login adds them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessAttempt | None = None) -> bool:
        """Return False: they can only be deleted."""
        return False
