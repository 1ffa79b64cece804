"""Base classes of the API's views."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin


class BaseAPIView(APIView):
    """DRF's view, without the reference cycles that keep a request in memory.

    A view, its request and its bound action methods refer to each other. Unless these cycles are
    broken, the objects stay in memory until the garbage collector runs, and it runs more often as
    load grows (docs/decisions/0012).
    """

    def perform_authentication(self, request: Request) -> None:
        """Authenticate the request, if the view has authenticators."""
        if request.authenticators:
            super().perform_authentication(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, then break the reference cycles."""
        response = super().dispatch(request, *args, **kwargs)
        context = self.request.parser_context
        del self.request, context["request"], context["view"]
        # Methods bound by Django's ``setup`` and DRF's ``as_view``.
        for method in ("head", *getattr(self, "action_map", ())):
            vars(self).pop(method, None)
        return response


class BaseViewSet(ViewSetMixin, BaseAPIView):
    """DRF's viewset, based on ``BaseAPIView``."""
