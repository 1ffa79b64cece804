"""Health checks for load balancers."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from reservations.api.openapi import HEADERS, refusals
from reservations.api.permissions import public
from reservations.api.readiness import database_check
from reservations.api.views import BaseAPIView

SHUTTING_DOWN = "server.shutting_down"
"""A key of the WSGI environ. A server sets it after it has been told to stop."""

_TAGS = ["Operations"]


class NotReady(exceptions.APIException):
    """The server is shutting down, the database is unreachable, or a migration is missing."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_ready"


class Health(serializers.Serializer[Any]):
    __doc__ = "The response to GET /health."

    status = serializers.CharField(help_text="Always `ok`")


class Readiness(Health):
    __doc__ = "The response to GET /ready."

    database = serializers.CharField(help_text="Always `ok`")


class HealthView(BaseAPIView):
    """The liveness check."""

    authentication_classes = ()

    @public
    @extend_schema(
        operation_id="getHealth",
        summary="Liveness check",
        description="Returns 200 while the process is alive. Checks nothing else.",
        tags=_TAGS,
        parameters=HEADERS,
        responses={200: OpenApiResponse(Health, "The process is alive")},
    )
    def get(self, request: Request) -> Response:
        """Return 200 without checking anything."""
        return Response({"status": "ok"})


class ReadyView(BaseAPIView):
    """The readiness check."""

    authentication_classes = ()

    @public
    @extend_schema(
        operation_id="getReadiness",
        summary="Readiness check",
        description="Returns 200 if the database is reachable and has every migration of this "
        "version, otherwise 503. The database is asked at most once a second, and has 2 seconds to "
        "answer. A server that is shutting down returns 503.",
        tags=_TAGS,
        parameters=HEADERS,
        responses={
            200: OpenApiResponse(Readiness, "The database is ready"),
            **refusals(NotReady("The database is not ready: unreachable")),
        },
    )
    def get(self, request: Request) -> Response:
        """Check that the database is reachable and has every migration of this version.

        Raises:
            NotReady: it is not reachable, a migration is missing, or the server is shutting down.
        """
        if SHUTTING_DOWN in request.META:
            raise NotReady("The server is shutting down")
        problem = database_check.problem()
        if problem:
            raise NotReady(f"The database is not ready: {problem}")
        return Response({"status": "ok", "database": "ok"})
