"""``GET /``: the default event as JSON for programs and as a page for browsers."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from reservations import errors, queries
from reservations.api import etags
from reservations.api.authentication import uses_keys
from reservations.api.exceptions import wants_page
from reservations.api.openapi import HEADERS, refusals
from reservations.api.openapi_access import NO_KEY
from reservations.api.permissions import public
from reservations.api.reservations.serializers import SummarySerializer
from reservations.api.serialization import represent
from reservations.api.views import BaseAPIView
from reservations.models import DEFAULT_EVENT


class HomeView(BaseAPIView):
    """The summary of the default event, as JSON or as a page."""

    @public
    @extend_schema(
        operation_id="getHome",
        summary="Get the summary of the default event",
        description="Returns JSON, or a page if the client prefers HTML, as browsers do.",
        tags=["Reservations"],
        parameters=HEADERS,
        responses={
            (200, "application/json"): OpenApiResponse(
                SummarySerializer, "The summary; browsers get a page"
            ),
            (200, "text/html"): str,
            **refusals(*NO_KEY, errors.EventNotFound(""), errors.Busy()),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """Return the summary in the format that the client prefers."""
        event = queries.get_event(DEFAULT_EVENT)
        response: HttpResponse
        if wants_page(request):
            context = {"event": event, "uses_keys": uses_keys()}
            response = render(request, "reservations/home.html", context)
        else:
            response = etags.conditional_response(
                request, event, represent(SummarySerializer, event)
            )
        patch_vary_headers(response, ["Accept"])
        return response
