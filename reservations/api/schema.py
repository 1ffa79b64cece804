"""The OpenAPI document, and a page that shows it."""

from functools import cache
from typing import cast

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
    """The OpenAPI document, as JSON unless the client accepts YAML."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    content_negotiation_class = JSONUnlessYAMLNegotiation

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return the document."""
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
    """Return the rendered document; cached, because rendering it takes tens of milliseconds."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return cast("bytes", renderer().render(document, renderer_context={}))


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI, with all files served locally and no inline script."""

    template_name = "reservations/docs.html"
    metadata_class = None  # Otherwise DRF answers OPTIONS with the page.
