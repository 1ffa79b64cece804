"""Which parser reads a body, and which renderer writes the answer."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class IgnoreClientContentNegotiation(BaseContentNegotiation):
    """Answers in the view's first format, whatever the client accepts: there is only JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Pick the parser by the content type; None if there is none for it."""
        sent = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Pick the first renderer."""
        return renderers[0], renderers[0].media_type


class JSONUnlessYAMLNegotiation(BaseContentNegotiation):
    """YAML for clients that ask for it by name, JSON for all others."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Pick one of JSON and YAML."""
        json, yaml = renderers
        asked = OpenApiYamlRenderer.media_type in request.headers.get("Accept", "").split(",")
        chosen = yaml if asked else json
        return chosen, chosen.media_type
