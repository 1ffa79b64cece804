"""Every route of the API."""

from django.urls import include, path, re_path

from reservations.api.home import HomeView
from reservations.api.ops import HealthView, ReadyView

urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    re_path(r"^health/?\Z", HealthView.as_view(), name="health"),
    re_path(r"^ready/?\Z", ReadyView.as_view(), name="ready"),
    *(
        path(mount, include("reservations.api.reservations.urls"))
        for mount in ("", "api/", "api/demo/")
    ),
]
