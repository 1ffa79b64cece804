"""The database of the benchmark: its server, the events on sale, and whether the books are true."""

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
# pgbench's, and the pools of two servers.
MAX_CONNECTIONS = 400
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

OPEN = """
INSERT INTO reservations_event
    (slug, name, total_seats, available_seats, held_seats, reservation_count, version)
VALUES (%(slug)s, %(slug)s, %(seats)s, %(seats)s, 0, 0, 0)
"""
# One seat each, ten milliseconds apart until now. The ids are UUIDv7 of these times, as the
# application makes them.
FILL = """
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT i, at, (time || '7' || substr(md5('r' || i), 1, 3) || '8' || substr(md5('r' || i), 4, 15))
           ::uuid AS reservation,
       (time || '7' || substr(md5('c' || i), 1, 3) || '8' || substr(md5('c' || i), 4, 15))
           ::uuid AS change
FROM generate_series(1, %(rows)s) i,
     LATERAL (SELECT now() - (%(rows)s - i) * interval '10 ms' AS at) moment,
     LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS time) hex;
INSERT INTO reservations_reservation (id, event_id, partner, seats, status, created_at)
SELECT reservation, event.id, 'drop', 1, 'confirmed', at
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
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
"""
# Between two requests of a backlog, nobody is busy for a moment.
CALM_LOOKS, SETTLE_SECONDS = 5, 20


def production() -> dict[str, str]:
    """Return the settings of a server in production, but for the proxy that ends TLS."""
    return {
        "DJANGO_DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "0",
    }


@contextmanager
def running(cluster: Cluster) -> Iterator[None]:
    """Keep the database's server running, with connections enough for all."""
    cluster.start()
    try:
        cluster.stop()
        # Not by ALTER SYSTEM: its file is written anew at every start.
        with (cluster.install.data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"\nmax_connections = {MAX_CONNECTIONS}\n")
        cluster.start()
        yield
    finally:
        cluster.stop()


class Stock:
    """The events on sale."""

    def __init__(self, database: psycopg.Connection, home: Path, server: Mapping[str, str]) -> None:
        """Use ``database``, a connection in autocommit mode to what is in ``home``.

        ``server`` is what its server has in the environment.
        """
        self._database = database
        self.home, self.server = home, server
        self._opened = 0

    def settings(self) -> dict[str, str]:
        """Return the settings that make a COMMIT last, and some more.

        Raises:
            SystemExit: a COMMIT would not last.
        """
        names = [*DURABLE, "wal_sync_method", "shared_buffers", "max_connections", "server_version"]
        found = {name: self._show(name) for name in names}
        loose = [name for name, value in DURABLE.items() if found[name] != value]
        if loose:
            raise SystemExit(f"the database is not durable: {', '.join(loose)} must be on")
        return found

    def _show(self, name: str) -> str:
        return str(self._first("SELECT current_setting(%(name)s)", {"name": name}))

    def _first(self, query: str, values: Mapping[str, object] | None = None) -> Any:
        row = self._database.execute(query, values).fetchone()
        assert row
        return row[0]

    def open(self, slug: str = "", seats: int = SEATS) -> str:
        """Put an event on sale that nobody has bought from; return its slug."""
        self._opened += 1
        slug = slug or f"fresh-{self._opened}"
        self._database.execute(OPEN, {"slug": slug, "seats": seats})
        return slug

    def fill(self, slug: str, rows: int) -> None:
        """Give an event that nobody has bought from some reservations, and their changes."""
        # Without the foreign keys, which are checked row by row.
        self._database.execute("SET session_replication_role = replica")
        with psycopg.ClientCursor(self._database) as cursor:
            cursor.execute(FILL, {"slug": slug, "rows": rows})
        self._database.execute("RESET session_replication_role")
        self._database.execute("VACUUM ANALYZE")
        # Not in the middle of a round.
        self._database.execute("CHECKPOINT")

    def available(self, slug: str) -> int:
        """Return how many seats an event has left."""
        query = "SELECT available_seats FROM reservations_event WHERE slug = %(slug)s"
        return int(self._first(query, {"slug": slug}))

    def settle(self) -> None:
        """Return when the servers are done with what those asked who have left since."""
        calm, deadline = 0, time.monotonic() + SETTLE_SECONDS
        while calm < CALM_LOOKS and time.monotonic() < deadline:
            calm = 0 if self._first(BUSY) else calm + 1
            time.sleep(0.1)

    def oversold(self) -> int:
        """Return how many seats were sold more than once, over all events."""
        return int(self._first(OVERSOLD))

    def drift(self) -> int:
        """Return how many figures the history does not lead to, by ``verify_inventory``."""
        done = subprocess.run(
            [sys.executable, "manage.py", "verify_inventory", "--json"],
            cwd=ROOT,
            env=environment(self.home, self.server),
            stdout=subprocess.PIPE,
            check=False,
            text=True,
        )
        if not done.stdout:
            raise SystemExit(f"verify_inventory failed with exit code {done.returncode}")
        return len(json.loads(done.stdout)["drift"])


@contextmanager
def locked(cluster: Cluster, slug: str) -> Iterator[None]:
    """Keep an event locked, as a transaction that hangs would."""
    with cluster.connect("ticketboss") as connection, connection.transaction():
        connection.execute("SELECT 1 FROM reservations_event WHERE slug = %s FOR UPDATE", [slug])
        yield
