"""No log contains a customer's address, whatever fails: neither ours nor PostgreSQL's."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import Response, ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

ADDRESS = "ada.lovelace@shop.example"
CONSTRAINT = (
    "ALTER TABLE reservations_booking"
    " ADD CONSTRAINT no_lovelace CHECK (customer_email NOT LIKE '%lovelace%')"
)
SLOW_INSERT = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON reservations_booking
        FOR EACH ROW EXECUTE FUNCTION wait();
"""
INSERTING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@pytest.fixture(params=["0", "1"], ids=["production", "development"])
def server(request: pytest.FixtureRequest, migrated_home: Path) -> Iterator[ServerProcess]:
    """A server for each of the two formats of the log."""
    with ServerProcess(
        migrated_home,
        DJANGO_DEBUG=request.param,
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="127.0.0.1",
        SECURE_SSL_REDIRECT="0",
        REQUEST_TIMEOUT="1",
    ) as server:
        yield server


def book(server: ServerProcess) -> Response:
    items = [{"eventId": "node-meetup-2025", "quantity": 1}]
    body = {"customerEmail": ADDRESS, "items": items}
    return server.request("POST", "/api/v1/bookings", body)


def change_database(server: ServerProcess, statement: str) -> None:
    with Cluster(server.home).connect("ticketboss") as connection:
        connection.execute(statement)


def fail_by_lock_timeout(server: ServerProcess) -> str:
    with Cluster(server.home).connect("ticketboss") as other, other.transaction():
        other.execute("LOCK TABLE reservations_booking")
        assert book(server).status == 503
    return "statement timeout"


def fail_by_violated_constraint(server: ServerProcess) -> str:
    change_database(server, CONSTRAINT)
    assert book(server).status == 500
    return "no_lovelace"


def fail_by_killed_backend(server: ServerProcess) -> str:
    change_database(server, SLOW_INSERT)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(book, server)
        with Cluster(server.home).connect("ticketboss") as connection:
            wait_until(lambda: bool(connection.execute(INSERTING).fetchall()))
            [(pid,)] = connection.execute(INSERTING).fetchall()
            os.kill(pid, signal.SIGKILL)
        assert answer.result(timeout=30).status in {500, 503}
    return "terminat"


@pytest.mark.parametrize(
    "fail",
    [fail_by_lock_timeout, fail_by_violated_constraint, fail_by_killed_backend],
    ids=["lock-timeout", "constraint", "killed-backend"],
)
def test_failed_booking_leaves_no_address_in_any_log(
    server: ServerProcess, fail: Callable[[ServerProcess], str]
) -> None:
    reason = fail(server)
    database_log = Cluster(server.home).install.log
    wait_until(lambda: reason in database_log.read_text())
    wait_until(lambda: "/api/v1/bookings" in server.output)  # the last line of the request
    for log in (database_log.read_text(), server.output):
        assert "lovelace@" not in log
        assert "INSERT" not in log
        assert "Failing row contains (0" not in log
