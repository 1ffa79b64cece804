"""What a load balancer asks."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class HealthView(APIView):
    """The process is alive; asks nothing else."""

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response({"status": "ok"})


class ReadyView(APIView):
    """The process can do its work."""

    def get(self, request: Request) -> Response:
        """Ask the database, and whether it has every migration of this code."""
        problem = _database_problem()
        if problem:
            body = {"error": f"The database is not ready: {problem}", "code": "not_ready"}
            return Response(body, status=503, headers={"Retry-After": "1"})
        return Response({"status": "ok", "database": "ok"})


def _database_problem() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "a migration is missing"
    except Error:
        return "unreachable"
    return None
