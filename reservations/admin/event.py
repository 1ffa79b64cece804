"""Events in the admin."""

from django.contrib import admin

from reservations.admin.read_only import ReadOnlyAdmin
from reservations.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    """Events with their figures."""

    list_display = (
        "name",
        "slug",
        "starts_at",
        "venue",
        "total_seats",
        "sold_seats",
        "available_seats",
        "version",
    )
    search_fields = ("slug", "name")
    ordering = ("starts_at", "id")
