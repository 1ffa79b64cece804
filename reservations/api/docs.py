"""The API's description of itself: for programs, and as a page."""

from collections.abc import Iterable

from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_SECONDS = 60  # Made anew at most once a minute in each process: it takes tens of milliseconds.


class JSONUnlessYAML(BaseContentNegotiation):
    """YAML for who asks for it by name, JSON for all others."""

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


@method_decorator(cache_page(_SECONDS), name="dispatch")
class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as JSON unless YAML is asked for."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    content_negotiation_class = JSONUnlessYAML


class DocsView(SpectacularSwaggerSplitView):
    """The same as a page; all its files are our own, and no script is inline."""

    template_name = "reservations/docs.html"
    metadata_class = None
