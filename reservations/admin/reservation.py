"""Reservations in the admin."""

from django.contrib import admin

from reservations.admin.read_only import ReadOnlyAdmin
from reservations.models import Reservation


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin[Reservation]):
    """Reservations, newest first."""

    list_display = ("id", "event", "partner", "seats", "status", "created_at")
    list_filter = ("status", "event")
    list_select_related = ("event",)
    search_fields = ("=id", "partner")
