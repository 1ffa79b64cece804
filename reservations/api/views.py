"""Base classes of the API's views."""

from typing import Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from reservations.access.caller import Caller
from reservations.api.authentication import ApiKeyAuthentication, uses_keys
from reservations.api.permissions import HasScope, permission_for, public

_READS = frozenset({"GET", "HEAD"})


class BaseAPIView(APIView):
    """DRF's view, without the reference cycles that keep a request in memory.

    A view, its request and its bound action methods refer to each other. Unless these cycles are
    broken, the objects stay in memory until the garbage collector runs, and it runs more often as
    load grows (docs/decisions/0012).
    """

    caller: Caller | None = None
    """Who sends the request; None without a key, and always if the API is open."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return the authenticators; if the API is open, without the one for keys."""
        if uses_keys():
            return super().get_authenticators()
        return [each() for each in self.authentication_classes if each is not ApiKeyAuthentication]

    def get_permissions(self) -> list[Any]:
        """Return the permission that the action declares, and those of the view."""
        return [permission_for(self, self.request.method or ""), *super().get_permissions()]

    def perform_authentication(self, request: Request) -> None:
        """Set ``caller``. DRF's ``request.user`` would do the same, in more time."""
        for authenticator in cast("list[BaseAuthentication]", request.authenticators):
            if found := authenticator.authenticate(request):
                self.caller = cast("Caller", found[0])
                return

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Handle the request, then break the reference cycles."""
        response = super().dispatch(request, *args, **kwargs)
        context = self.request.parser_context
        del self.request, context["request"], context["view"]
        # Methods bound by Django's ``setup`` and DRF's ``as_view``.
        for method in ("head", *getattr(self, "action_map", ())):
            vars(self).pop(method, None)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Return the response for an exception, so that Django prepares no line of its log."""
        response = super().handle_exception(exc)
        # RequestLogMiddleware and ``to_api_error`` log what is needed.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep caches from storing what only the owner of a key may read."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.authenticators:
            if self.caller or "HTTP_AUTHORIZATION" in request.META:
                response["Cache-Control"] = "no-store"
            if request.method in _READS and isinstance(permission_for(self, "GET"), HasScope):
                patch_vary_headers(response, ["Authorization"])
        return response

    @public
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Return the methods of the route."""
        return super().options(request, *args, **kwargs)


class BaseViewSet(ViewSetMixin, BaseAPIView):
    """DRF's viewset, based on ``BaseAPIView``."""
