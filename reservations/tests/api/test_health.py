"""GET /health and /ready."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient


def test_health_does_not_query_the_database(client: APIClient, slash: str) -> None:
    # The test has no database fixture, so a query would raise an error.
    response = client.get("/health" + slash)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_queries_the_database(db: None, client: APIClient, slash: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/ready" + slash)
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok"})
    assert len(queries) > 0


def test_ready_is_503_while_a_migration_is_missing(
    transactional_db: None, client: APIClient
) -> None:
    call_command("migrate", "reservations", "0001", verbosity=0)
    try:
        response = client.get("/ready")
    finally:
        call_command("migrate", "reservations", verbosity=0)
    assert (response.status_code, response.json()) == (
        503,
        {"error": "The database is not ready: a migration is missing", "code": "not_ready"},
    )


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_other_methods_are_not_allowed(db: None, client: APIClient, path: str) -> None:
    assert client.post(path).status_code == 405
