"""Selects the parser of a request and the renderer of its response."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class IgnoreClientContentNegotiation(BaseContentNegotiation):
    """Ignores the ``Accept`` header and uses the view's first renderer: the API is JSON only."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser for the content type, or None."""
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


class JSONUnlessYAMLNegotiation(BaseContentNegotiation):
    """Uses YAML if the ``Accept`` header contains its media type, otherwise JSON."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the JSON or the YAML renderer."""
        json, yaml = renderers
        accepted = request.headers.get("Accept", "").split(",")
        renderer = yaml if OpenApiYamlRenderer.media_type in accepted else json
        return renderer, renderer.media_type
