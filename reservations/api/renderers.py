"""The renderer of response bodies."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer


class JSONRenderer(BaseRenderer):
    """Renders compact JSON in UTF-8, with times in UTC like those of DRF's fields."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return ``data`` as JSON, or an empty body for None."""
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_UTC_Z)
