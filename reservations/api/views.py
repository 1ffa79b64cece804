"""What all views of the API have in common."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from reservations.api.body import JSONRequest


class View(APIView):
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

    def handle_exception(self, exc: Exception) -> Response:
        """Answer what the handler says, without DRF's question how to authenticate instead."""
        response: Response = self.get_exception_handler()(exc, {})
        return response

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Let what the request took be freed as soon as it is answered."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response):
            response.add_post_render_callback(_let_go)
        return response


class Views(ViewSetMixin, View):
    """Several of them for one path."""


def _let_go(response: Response) -> None:
    # The view, its request and the response refer to each other. In a circle they would stay, with
    # all that belongs to them, until the garbage collector comes, the more often the busier it is.
    context = response.renderer_context  # type: ignore[attr-defined]
    for circle in (context["request"].parser_context, vars(context["view"]), context):
        circle.clear()
