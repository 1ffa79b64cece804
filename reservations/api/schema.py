"""The OpenAPI document, and a page that shows it."""

from functools import cache
from hashlib import sha256
from typing import NamedTuple, cast

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import quote_etag
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from reservations.api import etags
from reservations.api.authentication import uses_keys
from reservations.api.negotiation import JSONUnlessYAMLNegotiation
from reservations.api.permissions import public
from reservations.api.views import BaseAPIView


class SchemaView(BaseAPIView):
    """The OpenAPI document, as JSON unless the client accepts YAML."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    content_negotiation_class = JSONUnlessYAMLNegotiation

    @public
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return the document, or 304 if the client has it."""
        renderer = request.accepted_renderer
        document = _document(type(renderer), uses_keys())  # type: ignore[arg-type]
        headers = {"Cache-Control": "no-cache", "ETag": document.etag}
        if etags.is_known(request, document.etag):
            return HttpResponseNotModified(headers=headers)
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        filename = f"TicketBoss.{renderer.format}"
        return HttpResponse(
            document.content,
            content_type=renderer.media_type + charset,
            headers=headers | {"Content-Disposition": f'inline; filename="{filename}"'},
        )


class _Document(NamedTuple):
    content: bytes
    etag: str


@cache
def _document(renderer: type[BaseRenderer], keys: bool) -> _Document:  # noqa: FBT001, ARG001
    """Return the rendered document; cached, because rendering it takes tens of milliseconds."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    content = cast("bytes", renderer().render(schema, renderer_context={}))
    return _Document(content, quote_etag(sha256(content).hexdigest()))


class DocsView(BaseAPIView, SpectacularSwaggerSplitView):
    """Swagger UI, with all files served locally and no inline script."""

    template_name = "reservations/docs.html"
    metadata_class = None  # Otherwise DRF answers OPTIONS with the page.
    get = public(SpectacularSwaggerSplitView.get)
