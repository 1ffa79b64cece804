"""GET /health and /ready."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from unittest.mock import Mock, patch

import pytest
from django.core.management import call_command
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from rest_framework.test import APIClient

from reservations.api.readiness import DatabaseCheck
from reservations.tests.proxy import Proxy


def test_health_does_not_query_the_database(client: APIClient, slash: str) -> None:
    # The test has no database fixture, so a query would raise an error.
    response = client.get("/health" + slash)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_is_200_if_the_database_is_reachable(db: None, client: APIClient, slash: str) -> None:
    response = client.get("/ready" + slash)
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok"})


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
    assert client.get("/ready").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_other_methods_are_not_allowed(db: None, client: APIClient, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.fixture
def planner(transactional_db: None) -> Iterator[Mock]:
    """Counts how often the migrations are compared."""
    original = MigrationExecutor.migration_plan
    with patch.object(
        MigrationExecutor, "migration_plan", autospec=True, side_effect=original
    ) as planner:
        yield planner


@pytest.fixture
def pings(transactional_db: None) -> Iterator[Mock]:
    """Counts how often the database is asked."""
    original = DatabaseWrapper.is_usable
    with patch.object(DatabaseWrapper, "is_usable", autospec=True, side_effect=original) as pings:
        yield pings


def test_migrations_are_compared_until_none_is_missing(planner: Mock) -> None:
    check = DatabaseCheck(max_age=0, timeout=30)
    call_command("migrate", "reservations", "0006", verbosity=0)
    try:
        assert [check.problem() for _ in range(2)] == ["a migration is missing"] * 2
    finally:
        call_command("migrate", "reservations", verbosity=0)
    planner.reset_mock()
    assert [check.problem() for _ in range(5)] == [None] * 5
    assert planner.call_count == 1


def test_callers_within_a_second_share_one_ping(pings: Mock, pool: ThreadPoolExecutor) -> None:
    check = DatabaseCheck(max_age=60, timeout=30)
    assert set(pool.map(lambda _: check.problem(), range(30))) == {None}
    assert pings.call_count == 1


def test_answers_older_than_the_limit_are_not_shared(pings: Mock) -> None:
    check = DatabaseCheck(max_age=0, timeout=30)
    assert [check.problem() for _ in range(3)] == [None] * 3
    assert pings.call_count == 3


def test_lost_database_and_its_return_are_noticed(proxy: Proxy) -> None:
    check = DatabaseCheck(max_age=0, timeout=30)
    assert check.problem() is None
    proxy.set_pool_timeout(0.1)
    proxy.down()
    assert check.problem() == "unreachable"
    proxy.up()
    assert check.problem() is None


class HangingCheck(DatabaseCheck):
    """A check of a database that does not answer until it is told to."""

    def __init__(self, *, timeout: float) -> None:
        super().__init__(max_age=0, timeout=timeout)
        self.started, self.answering = 0, Event()

    def _check(self) -> str | None:
        self.started += 1
        self.answering.wait(30)
        return None


@pytest.fixture
def hanging() -> Iterator[Callable[..., HangingCheck]]:
    checks: list[HangingCheck] = []

    def create(*, timeout: float) -> HangingCheck:
        checks.append(HangingCheck(timeout=timeout))
        return checks[-1]

    yield create
    for check in checks:
        check.answering.set()


def test_hanging_database_occupies_one_check_and_no_caller(
    pool: ThreadPoolExecutor, hanging: Callable[..., HangingCheck]
) -> None:
    check = hanging(timeout=0.05)
    assert set(pool.map(lambda _: check.problem(), range(30))) == {"unreachable"}
    assert [check.problem() for _ in range(100)] == ["unreachable"] * 100
    assert check.started == 1
    check.answering.set()
    answers = (check.problem() for _ in range(10_000))
    assert next((answer for answer in answers if answer is None), "") is None
