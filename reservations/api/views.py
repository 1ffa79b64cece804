"""What all views of the API have in common."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin


class BaseAPIView(APIView):
    """DRF's view, which frees what a request took as soon as it is answered.

    A view, its request and its bound action methods refer to each other. Left in a circle, they
    would stay until the garbage collector runs, the more often the busier the process is
    (docs/decisions/0012).
    """

    def perform_authentication(self, request: Request) -> None:
        """Ask who sends the request, if the view has anybody to ask."""
        if request.authenticators:
            super().perform_authentication(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request, then cut the circles of references."""
        response = super().dispatch(request, *args, **kwargs)
        context = self.request.parser_context
        del self.request, context["request"], context["view"]
        # Bound by Django's ``setup`` and by DRF's ``as_view``.
        for method in ("head", *getattr(self, "action_map", ())):
            vars(self).pop(method, None)
        return response


class BaseViewSet(ViewSetMixin, BaseAPIView):
    """Several actions for one path."""
