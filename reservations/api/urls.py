"""All routes of the API."""

from django.urls import include, path, re_path

from reservations.api.health import HealthView, ReadyView
from reservations.api.home import HomeView
from reservations.api.reservations import urls as reservations
from reservations.api.schema import DocsView, SchemaView

urlpatterns = [
    # The busiest routes come first and without ``include``: every pattern tried takes time.
    *reservations.urlpatterns,
    *(path(mount, include(reservations)) for mount in ("api/", "api/demo/")),
    re_path(r"^health/?\Z", HealthView.as_view(), name="health"),
    path("api/v1/", include("reservations.api.v1.urls")),
    path("", HomeView.as_view(), name="home"),
    re_path(r"^ready/?\Z", ReadyView.as_view(), name="ready"),
    re_path(r"^api/schema/?\Z", SchemaView.as_view(), name="schema"),
    re_path(r"^api/docs/?\Z", DocsView.as_view(), name="docs"),
]
