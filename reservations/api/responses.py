"""The response class of the API's views."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from reservations.api.renderers import JSONRenderer

_renderer = JSONRenderer()


class JSONResponse(HttpResponse):
    """A JSON response, rendered immediately; DRF's ``Response`` takes several times as long."""

    def __init__(
        self, data: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Render ``data`` as the body. None means no body."""
        super().__init__(_renderer.render(data), _renderer.media_type, status, headers=headers)
        if data is None:
            del self["Content-Type"]
