"""The API's description of itself: for programs, and as a page."""

from functools import cache

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from reservations.api.negotiation import JSONUnlessYAMLNegotiation
from reservations.api.views import BaseAPIView

_MAX_AGE_SECONDS = 60


class SchemaView(BaseAPIView):
    """The OpenAPI document, as JSON unless YAML is asked for."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    content_negotiation_class = JSONUnlessYAMLNegotiation

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Show the document."""
        renderer = request.accepted_renderer
        document = _document(type(renderer))  # type: ignore[arg-type]
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        return HttpResponse(
            document,
            content_type=renderer.media_type + charset,
            headers={
                "Cache-Control": f"max-age={_MAX_AGE_SECONDS}",
                "Content-Disposition": f'inline; filename="TicketBoss.{renderer.format}"',
            },
        )


@cache
def _document(renderer: type[BaseRenderer]) -> bytes:
    """Return the document as ``renderer`` writes it; it takes tens of ms, so once a process."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    rendered = renderer().render(document, renderer_context={})
    assert isinstance(rendered, bytes)
    return rendered


class DocsView(SpectacularSwaggerSplitView):
    """The same as a page; all its files are our own, and no script is inline."""

    template_name = "reservations/docs.html"
    metadata_class = None  # To OPTIONS, DRF would answer with the page.
