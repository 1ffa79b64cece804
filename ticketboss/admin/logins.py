"""Admin page for failed attempts to log in."""

from axes.models import AccessAttempt
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from reservations.admin.base import LenientChangeListAdmin
from ticketboss.accounts.login_events import record_unlock


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

    def delete_model(self, request: HttpRequest, obj: AccessAttempt) -> None:
        """Delete a row, and record that its account was unlocked."""
        self.delete_queryset(request, AccessAttempt.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Delete rows, and record that their accounts were unlocked."""
        with transaction.atomic():
            for row in queryset:
                record_unlock(
                    attempts=row.failures_since_start,
                    username=row.username,
                    ip_address=row.ip_address,
                )
            super().delete_queryset(request, queryset)
