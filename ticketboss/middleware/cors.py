"""Responses to preflight requests of other sites' pages (CORS)."""

from typing import Any

from corsheaders.middleware import ACCESS_CONTROL_ALLOW_METHODS, CorsMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve


class RouteCorsMiddleware(CorsMiddleware):
    """Allows the methods of the requested route; django-cors-headers has one list for all."""

    def add_response_headers(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the headers; leave out the list of methods if the route does not exist."""
        super().add_response_headers(request, response)
        if ACCESS_CONTROL_ALLOW_METHODS in response:
            del response[ACCESS_CONTROL_ALLOW_METHODS]
            if methods := _methods(resolve(request.path_info).func):
                response[ACCESS_CONTROL_ALLOW_METHODS] = ", ".join(sorted(methods))
        return response


def _methods(view: Any) -> set[str]:
    """Return the methods of one of DRF's views; other views are not for other sites."""
    if not hasattr(view, "cls"):
        return set()
    # A viewset's route names its actions, any other view has a function for each method.
    names = getattr(view, "actions", None) or dir(view.cls)
    methods = {name.upper() for name in names if name in view.cls.http_method_names}
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
