"""Routes of the reservations API, each with an optional trailing slash."""

from django.urls import re_path

from reservations.api.reservations.views import ReservationsViewSet, ReservationViewSet

urlpatterns = [
    re_path(
        r"^reservations/?\Z",
        ReservationsViewSet.as_view({"get": "list", "post": "create"}),
        name="reservations",
    ),
    re_path(
        r"^reservations/(?P<reservation_id>[^/]+)/?\Z",
        ReservationViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="reservation",
    ),
    re_path(
        r"^reservations/(?P<reservation_id>[^/]+)/confirm/?\Z",
        ReservationViewSet.as_view({"post": "confirm"}),
        name="confirm-reservation",
    ),
]
