"""The API's description of itself: for programs, and as a page."""

from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

_SECONDS = 60  # Made anew at most once a minute in each process: it takes tens of milliseconds.


@method_decorator(cache_page(_SECONDS), name="dispatch")
class SchemaView(SpectacularAPIView):
    """The OpenAPI document, as JSON unless YAML is asked for."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer]
    content_negotiation_class = DefaultContentNegotiation


class DocsView(SpectacularSwaggerSplitView):
    """The same as a page; all its files are our own, and no script is inline."""

    template_name = "reservations/docs.html"
