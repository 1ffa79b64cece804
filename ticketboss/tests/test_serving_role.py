"""TicketBoss with the role of deploy/serving_role.sql, which reads and writes rows only."""

import http.cookiejar
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psycopg
import pytest

from reservations.tests.smtp import MailServer
from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import ROOT, ServerProcess, environment, manage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

ROLE = "ticketboss_app"


def run_script(cluster: Cluster, password_file: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as the owner of the tables."""
    params = cluster.connection_params()
    return subprocess.run(
        [
            *(cluster.install.bin / "psql", "--no-psqlrc", "--quiet", "--dbname", "ticketboss"),
            *("--file", ROOT / "deploy" / "serving_role.sql"),
        ],
        env=environment(cluster.install.home)
        | {"PGHOST": params["host"], "PGUSER": params["user"]}
        | {"PASSWORD_FILE": str(password_file)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def cluster(shared_home: Path, folder: Path) -> Cluster:
    """A migrated database, after the script has run twice."""
    cluster = Cluster(shared_home)
    cluster.start()
    (folder / "password").write_text("it's secret\n")
    for _ in range(2):
        done = run_script(cluster, folder / "password")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return cluster


@pytest.fixture
def url(cluster: Cluster) -> str:
    """The DATABASE_URL of the role."""
    return url_of(cluster)


def url_of(cluster: Cluster) -> str:
    return f"postgresql://{ROLE}@/ticketboss?host={cluster.connection_params()['host']}"


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def log_in_to_admin(server: ServerProcess) -> str:
    """Log in with the first login that the server printed; return the page after it."""
    page = f"http://127.0.0.1:{server.port}/admin/login/?next=/admin/"
    cookies = http.cookiejar.CookieJar()
    browser = build_opener(HTTPCookieProcessor(cookies))
    browser.open(page).close()
    form = {"username": "admin", "password": server.first_password()}
    form["csrfmiddlewaretoken"] = next(each.value or "" for each in cookies)
    with browser.open(page, urlencode(form).encode()) as response:
        body: bytes = response.read()
    return body.decode()


def test_role_sells_sends_mail_and_serves_the_admin(cluster: Cluster, url: str) -> None:
    with (
        MailServer() as mail,
        ServerProcess(
            cluster.install.home.parent,
            worker=True,
            DATABASE_URL=url,
            EMAIL_URL=f"smtp://127.0.0.1:{mail.port}",
        ) as server,
    ):
        kept = server.reserve(3).body["reservationId"]
        assert server.request("DELETE", f"/reservations/{kept}").status == 204
        held = {"partnerId": "abc-corp", "seats": 2, "holdSeconds": 5}
        assert server.request("POST", "/reservations", held).status == 201
        items = [{"eventId": "node-meetup-2025", "quantity": 1}]
        booking = {"customerEmail": "ada@shop.example", "items": items}
        booked = server.request("POST", "/api/v1/bookings", booking).body["data"]["id"]
        assert server.request("POST", f"/api/v1/bookings/{booked}/cancel").status == 200
        assert "Site administration" in log_in_to_admin(server)
        wait_until(lambda: len(mail.received) > 0)
        # The worker releases the hold.
        wait_until(lambda: server.request("GET", "/reservations").body["version"] == 6)
        assert server.request("GET", "/reservations").body["availableSeats"] == 500
        assert "permission denied" not in server.output
    for command in (
        ["verify_inventory"],
        ["event", "capacity", "node-meetup-2025", "400"],
        ["loaddata", "demo"],
    ):
        done = manage(cluster.install.home.parent, *command, DATABASE_URL=url)
        assert done.returncode == 0, done.stderr


def test_role_issues_keys_and_sells_to_partners(cluster: Cluster, url: str) -> None:
    home = cluster.install.home.parent
    assert manage(home, "partner", "create", "abc-corp", DATABASE_URL=url).returncode == 0
    key = manage(home, "partner", "key", "abc-corp", DATABASE_URL=url).stdout.strip()
    with ServerProcess(home, DATABASE_URL=url, API_ACCESS="keys") as server:
        assert server.reserve().status == 401
        assert server.reserve(key=key).status == 201
        assert manage(home, "partner", "revoke", key[4:16], DATABASE_URL=url).returncode == 0
        assert server.reserve(key=key).status == 401
        assert key not in server.output
        assert "permission denied" not in server.output


def test_script_can_run_before_the_migrations(home: Path, folder: Path) -> None:
    """The order of compose.yaml for a new database."""
    cluster = Cluster(home)
    cluster.start()
    (folder / "password").write_text("it's secret\n")
    assert run_script(cluster, folder / "password").returncode == 0
    done = manage(home, "migrate")
    assert done.returncode == 0, done.stderr
    with ServerProcess(home, DATABASE_URL=url_of(cluster)) as server:
        assert server.reserve(3).status == 201
    for command in (["loaddata", "demo"], ["verify_inventory"], ["clearsessions"]):
        done = manage(home, *command, DATABASE_URL=url_of(cluster))
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE things (id int)",
        "CREATE TEMPORARY TABLE things (id int)",
        "CREATE SCHEMA things",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE things",
        "ALTER TABLE reservations_event ADD COLUMN thing int",
        "ALTER TABLE reservations_event DISABLE TRIGGER ALL",
        "ALTER SEQUENCE reservations_event_id_seq RESTART",
        "ALTER TABLE reservations_securityevent DISABLE TRIGGER security_event_kept",
        "DROP TABLE reservations_change",
        "DROP TRIGGER event_id_never_changed ON reservations_event",
        "DROP TRIGGER security_event_never_changed ON reservations_securityevent",
        "SET session_replication_role = replica",
        "TRUNCATE reservations_change",
        "TRUNCATE reservations_securityevent",
        "COPY reservations_change TO '/tmp/change'",
    ],
)
def test_role_cannot_change_the_schema(connection: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reservations_securityevent SET actor = 'nobody'",
        "DELETE FROM reservations_securityevent",
    ],
)
def test_role_cannot_rewrite_the_audit_log(connection: psycopg.Connection, statement: str) -> None:
    connection.execute(
        "INSERT INTO reservations_securityevent"
        " (id, kind, actor, subject, client, request_id, details)"
        " VALUES (gen_random_uuid(), 'logout', 'test', '', '', '', '{}')"
    )
    with pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)


def test_role_can_use_tables_of_later_migrations(
    cluster: Cluster, connection: psycopg.Connection
) -> None:
    with cluster.connect("ticketboss") as owner:
        owner.execute("CREATE TABLE later (id bigserial)")
        connection.execute("INSERT INTO later DEFAULT VALUES")
        owner.execute("DROP TABLE later")


def test_script_without_a_password_changes_nothing(home: Path, folder: Path) -> None:
    cluster = Cluster(home)
    cluster.start()
    done = run_script(cluster, folder / "nothing")
    assert done.returncode == 3
    assert "PASSWORD_FILE must name a file that contains a password" in done.stderr
    with cluster.connect() as connection:
        assert not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchall()
