"""The response to OPTIONS requests."""

from typing import Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request


class AllowedMethods(BaseMetadata):
    """Lists the methods of a route without describing the view; /api/schema describes the API."""

    def determine_metadata(self, request: Request, view: Any) -> dict[str, Any]:
        """Return the methods that the ``Allow`` header lists."""
        return {"methods": view.allowed_methods}
