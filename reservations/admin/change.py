"""The history of every event in the admin."""

from django.contrib import admin

from reservations.admin.read_only import ReadOnlyAdmin
from reservations.models import Change


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin[Change]):
    """Changes, newest first within each event."""

    list_display = (
        "event",
        "version",
        "kind",
        "seats",
        "available_seats",
        "actor",
        "at",
        "reservation_id",
    )
    list_filter = ("kind", "event")
    list_select_related = ("event",)
    ordering = ("event", "-version")
