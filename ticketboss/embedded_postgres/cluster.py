"""One embedded PostgreSQL server and its data."""

import fcntl
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from ticketboss.embedded_postgres.install import EmbeddedPostgresError, Install, find_install

ROLE = "ticketboss"
DATABASE = "ticketboss"
MAINTENANCE_DATABASE = "postgres"
_START_SECONDS = 60
_CONNECT_SECONDS = 5
# After a kill -9 the old pid can look alive for a moment (a zombie, or reused), and the old
# server's processes keep its memory until they notice.
_PASSING = ('lock file "postmaster.pid" already exists', "pre-existing shared memory block")


def _is_alone(connection: psycopg.Connection) -> bool:
    """Return whether nobody else is connected."""
    for _ in range(10):
        others = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
        if others == (0,):
            return True
        time.sleep(0.05)  # A session that was just closed is listed for a moment.
    return False


class Cluster:
    """The server whose data lives under ``home``; nothing runs before ``start``."""

    def __init__(self, home: Path) -> None:
        self._wanted_home = home

    @cached_property
    def install(self) -> Install:
        """Where everything is.

        Raises:
            EmbeddedPostgresError: there is no PostgreSQL on this machine.
        """
        return find_install(self._wanted_home)

    def connection_params(self) -> dict[str, Any]:
        """Return what libpq needs to find the server, but for the database's name."""
        return {"host": str(self.install.socket_folder), "port": 5432, "user": ROLE}

    def connect(self, database: str = MAINTENANCE_DATABASE) -> psycopg.Connection:
        """Return a new connection in autocommit mode to the running server."""
        return psycopg.connect(
            **self.connection_params(),
            dbname=database,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
        )

    def is_running(self) -> bool:
        """Return whether there is a server, be it one that refuses connections just now."""
        return self._ping() in {Ping.OK, Ping.REJECT}

    def start(self) -> bool:
        """Make sure that the server runs and has its database; return whether this started it.

        Safe to call from several processes at once. Makes the data directory if there is none.

        Raises:
            EmbeddedPostgresError: it could not be started; the text says why.
        """
        if self._is_ready():
            return False
        with self._locked():
            started = not self.is_running()
            if started:
                self._make_data()
                self.install.make_folder(self.install.socket_folder)
                self._start_server()
            # Whoever started it may have been stopped before this.
            self._make_database()
        return started

    def stop(self) -> bool:
        """Stop the server; return whether it ran."""
        if not self.is_running():
            return False
        with self._locked():
            self._run("pg_ctl", "stop", "-D", "data", "-m", "fast", "-w")
        return True

    def stop_if_unused(self) -> bool:
        """Stop the server unless somebody is connected to it; return whether it was stopped."""
        try:
            self._wait_until_it_answers()
            with self.connect() as connection:
                unused = _is_alone(connection)
        except psycopg.OperationalError:
            return False
        return unused and self.stop()

    def _ping(self) -> Ping:
        params = make_conninfo(**self.connection_params(), connect_timeout=_CONNECT_SECONDS)
        return Ping(PGconn.ping(params.encode()))

    def _is_ready(self) -> bool:
        try:
            self.connect(DATABASE).close()
        except psycopg.OperationalError:
            return False
        return True

    def _wait_until_it_answers(self) -> None:
        """Wait while the server starts up or recovers from a crash."""
        deadline = time.monotonic() + _START_SECONDS
        while self._ping() == Ping.REJECT and time.monotonic() < deadline:
            time.sleep(0.05)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.install.make_folder(self.install.home)
            with (self.install.home / "lock").open("w") as lock:
                _take(lock)
                yield
        except OSError as error:
            raise EmbeddedPostgresError(
                f"the database's folder {self.install.home} cannot be used: {error.strerror}"
            ) from error

    def _make_data(self) -> None:
        if self.install.data.exists():
            return
        # Renamed only when complete, so that an interrupted initdb leaves nothing half made.
        scratch = self.install.home / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        self._run(
            "initdb",
            *("-D", scratch.name, "--username", ROLE, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-instructions"),
        )
        scratch.rename(self.install.data)

    def _start_server(self) -> None:
        (self.install.data / "postgresql.auto.conf").write_text(self._configuration())
        deadline = time.monotonic() + _START_SECONDS
        if self.install.log.exists():
            # What the last server said before its end may still be wanted.
            self.install.log.replace(self.install.log.with_suffix(".log.old"))
        while True:
            self.install.log.unlink(missing_ok=True)
            try:
                self._run(
                    "pg_ctl",
                    *("start", "-D", "data", "-l", self.install.log.name),
                    *("-w", "-t", str(_START_SECONDS)),
                )
            except EmbeddedPostgresError as error:
                reason = self._last_words() or str(error)
                if time.monotonic() > deadline or not any(text in reason for text in _PASSING):
                    raise EmbeddedPostgresError(
                        f"PostgreSQL did not start: {reason}; its log is {self.install.log}"
                    ) from error
                time.sleep(0.2)
            else:
                return

    def _configuration(self) -> str:
        # A name in double quotes may hold any character; a quote inside is doubled, twice.
        folder = str(self.install.socket_folder).replace('"', '""').replace("'", "''")
        return (
            "# Written by ticketboss.embedded_postgres at every start.\n"
            "listen_addresses = ''\n"
            f"unix_socket_directories = '\"{folder}\"'\n"
            "unix_socket_permissions = 0700\n"
            "port = 5432\n"
        )

    def _make_database(self) -> None:
        self._wait_until_it_answers()
        name = sql.Identifier(DATABASE)
        try:
            with self.connect() as connection:
                if not connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise EmbeddedPostgresError(f"the embedded PostgreSQL refuses: {reason}") from error

    def _last_words(self) -> str:
        """Return the line of the server's log that says why it gave up."""
        if not self.install.log.exists():
            return ""
        lines = self.install.log.read_text(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return fatal[-1].partition(":  ")[2] if fatal else ""

    def _run(self, program: str, *arguments: object) -> None:
        # The server keeps the output of pg_ctl open, so that a pipe would never end.
        with (self.install.home / "command.log").open("w+") as output:
            try:
                subprocess.run(
                    [self.install.bin / program, *map(str, arguments)],
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # pg_ctl hands its paths to a shell, so they are relative and harmless.
                    cwd=self.install.home,
                    **self.install.run_as(),
                )
            except (subprocess.CalledProcessError, OSError) as error:
                output.seek(0)
                said = " ".join(output.read().split())
                raise EmbeddedPostgresError(f"{program} failed: {said or error}") from error


def _take(lock: IO[str]) -> None:
    # Not by a call that blocks: the holder may be a greenlet of this very process.
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return
