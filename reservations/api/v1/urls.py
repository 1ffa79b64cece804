"""Routes of the bookings API, each with an optional trailing slash."""

from django.urls import re_path

from reservations.api.v1.views import (
    BookingsViewSet,
    BookingViewSet,
    EventViewSet,
    MeViewSet,
    OwnReservationsViewSet,
)

urlpatterns = [
    re_path(r"^events/?\Z", EventViewSet.as_view({"get": "list"}), name="events"),
    re_path(
        r"^events/(?P<event_id>[^/]+)/?\Z",
        EventViewSet.as_view({"get": "retrieve"}),
        name="event",
    ),
    re_path(
        r"^events/(?P<event_id>[^/]+)/changes/?\Z",
        EventViewSet.as_view({"get": "changes"}),
        name="changes",
    ),
    re_path(r"^me/?\Z", MeViewSet.as_view({"get": "retrieve"}), name="me"),
    re_path(
        r"^reservations/?\Z",
        OwnReservationsViewSet.as_view({"get": "list"}),
        name="own-reservations",
    ),
    re_path(
        r"^bookings/?\Z",
        BookingsViewSet.as_view({"get": "list", "post": "create"}),
        name="bookings",
    ),
    re_path(
        r"^bookings/(?P<booking_id>[^/]+)/?\Z",
        BookingViewSet.as_view({"get": "retrieve"}),
        name="booking",
    ),
    re_path(
        r"^bookings/(?P<booking_id>[^/]+)/cancel/?\Z",
        BookingViewSet.as_view({"post": "cancel"}),
        name="cancel-booking",
    ),
]
