"""The benchmark's database: its server, its events, and checks of the inventory."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from serving import ROOT, Cluster, environment

SEATS = 2_000_000_000
PARTNER = "benchmark"
# Enough for pgbench and the connection pools of two servers.
MAX_CONNECTIONS = 400
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

INSERT_EVENT = """
INSERT INTO reservations_event
    (slug, name, total_seats, available_seats, held_seats, reservation_count, version)
VALUES (%(slug)s, %(slug)s, %(seats)s, %(seats)s, 0, 0, 0)
"""
# Reservations of one seat, 10 ms apart, the last one now. The ids are UUIDv7s of these times, like
# those that the application generates.
FILL_EVENT = """
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT i, at, (time || '7' || substr(md5('r' || i), 1, 3) || '8' || substr(md5('r' || i), 4, 15))
           ::uuid AS reservation,
       (time || '7' || substr(md5('c' || i), 1, 3) || '8' || substr(md5('c' || i), 4, 15))
           ::uuid AS change
FROM generate_series(1, %(rows)s) i,
     LATERAL (SELECT now() - (%(rows)s - i) * interval '10 ms' AS at) moment,
     LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS time) hex;
INSERT INTO reservations_reservation (id, event_id, partner, seats, status, created_at)
SELECT reservation, event.id, 'benchmark', 1, 'confirmed', at
FROM numbered, reservations_event AS event WHERE slug = %(slug)s ORDER BY i;
INSERT INTO reservations_change
    (id, event_id, version, kind, seats, available_seats, reservation_id, actor, at)
SELECT change, event.id, i, 'confirmed', -1, total_seats - i, reservation, 'benchmark', at
FROM numbered, reservations_event AS event WHERE slug = %(slug)s ORDER BY i;
UPDATE reservations_event SET available_seats = total_seats - %(rows)s,
    reservation_count = %(rows)s, version = %(rows)s
WHERE slug = %(slug)s;
"""
OVERSOLD = """
SELECT coalesce(sum(greatest(taken - total_seats, 0)), 0)::bigint
FROM reservations_event AS event JOIN (
    SELECT event_id, sum(seats) AS taken FROM reservations_reservation
    WHERE status IN ('confirmed', 'held') GROUP BY event_id
) AS sold ON event_id = event.id
"""
ACTIVE_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
"""
# Several checks, because all connections are briefly idle between two requests of a backlog.
IDLE_CHECKS, IDLE_TIMEOUT = 5, 20


def production_settings() -> dict[str, str]:
    """Return the environment of a production server, except that no proxy terminates TLS."""
    return {
        "DJANGO_DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "0",
    }


@contextmanager
def running(cluster: Cluster) -> Iterator[None]:
    """Keep the database server running, with ``MAX_CONNECTIONS``."""
    cluster.start()
    try:
        cluster.stop()
        # Not ALTER SYSTEM: postgresql.auto.conf is rewritten at every start.
        with (cluster.install.data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"\nmax_connections = {MAX_CONNECTIONS}\n")
        cluster.start()
        yield
    finally:
        cluster.stop()


class BenchmarkDatabase:
    """A connection to the benchmark's database, with queries to prepare and check events."""

    def __init__(
        self, connection: psycopg.Connection, home: Path, server_settings: Mapping[str, str]
    ) -> None:
        """Use ``connection`` for all queries.

        Args:
            connection: in autocommit mode, to the database in ``home``.
            home: the TICKETBOSS_HOME of the servers.
            server_settings: the environment variables of the server with production settings.
        """
        self._connection = connection
        self.home, self.server_settings = home, server_settings
        self._opened = 0

    def settings(self) -> dict[str, str]:
        """Return the PostgreSQL settings that the results depend on.

        Raises:
            SystemExit: commits are not durable.
        """
        names = [*DURABLE, "wal_sync_method", "shared_buffers", "max_connections", "server_version"]
        found = {name: self._show(name) for name in names}
        off = [name for name, value in DURABLE.items() if found[name] != value]
        if off:
            raise SystemExit(f"the database is not durable: {', '.join(off)} must be on")
        return found

    def _show(self, name: str) -> str:
        return str(self._fetch_value("SELECT current_setting(%(name)s)", {"name": name}))

    def _fetch_value(self, query: str, values: Mapping[str, object] | None = None) -> Any:
        row = self._connection.execute(query, values).fetchone()
        if row is None:
            raise LookupError(query)
        return row[0]

    def open_event(self, slug: str = "", seats: int = SEATS) -> str:
        """Insert a new event and return its slug, which is generated if empty."""
        self._opened += 1
        slug = slug or f"new-{self._opened}"
        self._connection.execute(INSERT_EVENT, {"slug": slug, "seats": seats})
        return slug

    def create_key(self) -> str:
        """Create the partner of the benchmark, and return a key with which it can sell.

        Raises:
            SystemExit: the command failed.
        """
        self._manage("partner", "create", PARTNER)
        return self._manage("partner", "key", PARTNER, "--scope", "sell").strip()

    def fill(self, slug: str, rows: int) -> None:
        """Insert ``rows`` reservations and their changes for an event that has none."""
        # Skip foreign key checks, which PostgreSQL does row by row.
        self._connection.execute("SET session_replication_role = replica")
        with psycopg.ClientCursor(self._connection) as cursor:
            cursor.execute(FILL_EVENT, {"slug": slug, "rows": rows})
        self._connection.execute("RESET session_replication_role")
        self._connection.execute("VACUUM ANALYZE")
        # Avoid a checkpoint in the middle of a round.
        self._connection.execute("CHECKPOINT")

    def available(self, slug: str) -> int:
        """Return the number of available seats of an event."""
        query = "SELECT available_seats FROM reservations_event WHERE slug = %(slug)s"
        return int(self._fetch_value(query, {"slug": slug}))

    def wait_until_idle(self) -> None:
        """Wait until the servers have finished the requests of clients that have disconnected.

        Gives up after ``IDLE_TIMEOUT`` seconds.
        """
        idle, deadline = 0, time.monotonic() + IDLE_TIMEOUT
        while idle < IDLE_CHECKS and time.monotonic() < deadline:
            idle = 0 if self._fetch_value(ACTIVE_CONNECTIONS) else idle + 1
            time.sleep(0.1)

    def unlock_logins(self) -> None:
        """Forget all failed attempts to log in, so that the next ones are checked."""
        self._connection.execute("DELETE FROM axes_accessattempt")

    def oversold(self) -> int:
        """Return how many seats of all events were sold beyond capacity."""
        return int(self._fetch_value(OVERSOLD))

    def drift(self) -> int:
        """Return how many differences ``verify_inventory`` finds.

        Raises:
            SystemExit: ``verify_inventory`` failed.
        """
        return len(json.loads(self._manage("verify_inventory", "--json"))["drift"])

    def _manage(self, *arguments: str) -> str:
        """Run ``manage.py``, and return what it prints. It exits with 1 if it finds drift."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(self.home, self.server_settings),
            stdout=subprocess.PIPE,
            check=False,
            text=True,
        )
        if not done.stdout:
            raise SystemExit(f"{' '.join(arguments)} failed with exit code {done.returncode}")
        return done.stdout


@contextmanager
def locked(cluster: Cluster, slug: str) -> Iterator[None]:
    """Hold an event's row lock, as a transaction that hangs would."""
    with cluster.connect("ticketboss") as connection, connection.transaction():
        connection.execute("SELECT 1 FROM reservations_event WHERE slug = %s FOR UPDATE", [slug])
        yield
