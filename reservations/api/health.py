"""What a load balancer asks."""

from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reservations.api.openapi import HEADERS, refusals

_TAGS = ["Operations"]


class NotReady(exceptions.APIException):
    """The process cannot do its work yet."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "not_ready"


class Health(serializers.Serializer[Any]):
    """The answer of a process that is alive."""

    status = serializers.CharField(help_text="ok")


class Readiness(Health):
    """The answer of a process that can work."""

    database = serializers.CharField(help_text="ok")


class HealthView(APIView):
    """The process is alive; asks nothing else."""

    @extend_schema(
        operation_id="getHealth",
        summary="Whether the process is alive",
        tags=_TAGS,
        parameters=HEADERS,
        responses={200: OpenApiResponse(Health, "It is")},
    )
    def get(self, request: Request) -> Response:
        """Answer without asking anything else."""
        return Response({"status": "ok"})


class ReadyView(APIView):
    """The process can do its work."""

    @extend_schema(
        operation_id="getReadiness",
        summary="Whether the database can be reached and fits this version",
        tags=_TAGS,
        parameters=HEADERS,
        responses={
            200: OpenApiResponse(Readiness, "It can, and does"),
            **refusals(NotReady("The database is not ready: unreachable")),
        },
    )
    def get(self, request: Request) -> Response:
        """Ask the database, and whether it has every migration of this code."""
        problem = _database_problem()
        if problem:
            raise NotReady(f"The database is not ready: {problem}")
        return Response({"status": "ok", "database": "ok"})


def _database_problem() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "a migration is missing"
    except Error:
        return "unreachable"
    return None
