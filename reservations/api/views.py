"""What all views of the API have in common."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin


class BaseAPIView(APIView):
    """DRF's view, which frees what a request took as soon as it is answered.

    A view, its request and its bound action methods refer to each other. Left in a circle, they
    would stay until the garbage collector runs, the more often the busier the process is
    (docs/decisions/0012).
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request, then cut the circles of references."""
        response = super().dispatch(request, *args, **kwargs)
        for name in ("request", "view"):
            self.request.parser_context.pop(name, None)
        del self.request
        return response


class BaseViewSet(ViewSetMixin, BaseAPIView):
    """Several actions for one path."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer the request, then let go of the actions, which ``as_view`` has bound by method."""
        response = super().dispatch(request, *args, **kwargs)
        for method in self.action_map or ():
            vars(self).pop(method, None)
        return response
