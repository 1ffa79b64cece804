"""GET /health and /ready."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient


def test_health_asks_nothing(client: APIClient, slash: str) -> None:
    # Without a database fixture, a query would fail the test.
    answer = client.get("/health" + slash)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready(db: None, client: APIClient, slash: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/ready" + slash)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok"})
    assert len(queries) > 0


def test_not_ready_while_a_migration_is_missing(transactional_db: None, client: APIClient) -> None:
    call_command("migrate", "reservations", "0001", verbosity=0)
    try:
        answer = client.get("/ready")
    finally:
        call_command("migrate", "reservations", verbosity=0)
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "The database is not ready: a migration is missing", "code": "not_ready"},
    )


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_other_methods(db: None, client: APIClient, path: str) -> None:
    assert client.post(path).status_code == 405
