"""The project's routes."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from reservations.api import exceptions
from reservations.api import urls as api
from ticketboss.middleware.request_errors import server_error

urlpatterns = [
    *api.urlpatterns,
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    # A catch-all, because with DEBUG Django would show its technical 404 page.
    re_path("", csrf_exempt(exceptions.not_found)),
]

handler400 = exceptions.bad_request
handler404 = exceptions.not_found
handler500 = server_error
