"""What all views of the API have in common."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from reservations.api.body import JSONRequest


class JSONView(APIView):
    """DRF's, without what it does for every request and nobody here needs."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Make a request of ours, instead of DRF's."""
        return JSONRequest(
            request,
            parsers=self.get_parsers(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def perform_authentication(self, request: Request) -> None:
        """Ask nobody who they are: the API is open."""

    def handle_exception(  # type: ignore[override]
        self, exc: Exception
    ) -> HttpResponseBase:
        """Answer what the handler says, without DRF's question how to authenticate instead."""
        response: HttpResponseBase = self.get_exception_handler()(exc, {})
        return response

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Let what the request took be freed as soon as it is answered."""
        super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        # The view and its request refer to each other, and to themselves. In a circle they would
        # stay until the garbage collector comes, the more often the busier it is.
        request.parser_context.clear()
        vars(self).clear()
        return response


class JSONViewSet(ViewSetMixin, JSONView):
    """Several of them for one path."""
