"""Answers OPTIONS."""

from typing import Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request


class AllowedMethods(BaseMetadata):
    """The methods of a route, and nothing of the code: /api/schema describes the API."""

    def determine_metadata(self, request: Request, view: Any) -> dict[str, Any]:
        """Return the methods, as the header ``Allow`` lists them."""
        return {"methods": view.allowed_methods}
