"""One embedded PostgreSQL server and its data."""

import fcntl
import os
import shutil
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

from ticketboss.embedded_postgres import programs
from ticketboss.embedded_postgres.install import EmbeddedPostgresError, Install, find_install

ROLE = "ticketboss"
DATABASE = "ticketboss"
MAINTENANCE_DATABASE = "postgres"
_START_SECONDS = 60
_CONNECT_SECONDS = 5
_RESET_SECONDS = 5
# Errors that disappear after a retry. After a kill -9, the old pid can look alive for a moment (a
# zombie, or reused), and the old server's processes keep its shared memory until they exit.
_TRANSIENT_ERRORS = (
    'lock file "postmaster.pid" already exists',
    "pre-existing shared memory block",
)
# Values of statements and rows are personal data. The message of an error is logged without them. A
# DETAIL is also how the server reports which statement a killed process was executing.
_LOG_SETTINGS = """\
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = none
log_duration = off
log_min_duration_statement = -1
log_min_duration_sample = -1
log_transaction_sample_rate = 0
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def _is_only_client(connection: psycopg.Connection) -> bool:
    """Return whether no other client is connected."""
    for _ in range(10):
        others = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
        if others == (0,):
            return True
        time.sleep(0.05)  # A session that was just closed is still listed briefly.
    return False


class Cluster:
    """A server whose data is under ``home``. Creating an instance starts nothing."""

    def __init__(self, home: Path) -> None:
        self._requested_home = home

    @cached_property
    def install(self) -> Install:
        """The server's programs, folders and user.

        Raises:
            EmbeddedPostgresError: PostgreSQL is not installed, or root has no user to run it as.
        """
        return find_install(self._requested_home)

    def connection_params(self) -> dict[str, Any]:
        """Return libpq's connection parameters, without the database name."""
        return {"host": str(self.install.socket_folder), "port": 5432, "user": ROLE}

    def connect(self, database: str = MAINTENANCE_DATABASE) -> psycopg.Connection:
        """Return a new connection in autocommit mode. The server must be running."""
        return psycopg.connect(
            **self.connection_params(),
            dbname=database,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
        )

    def is_running(self) -> bool:
        """Return whether the server is running, even if it currently rejects connections."""
        return self._ping() in {Ping.OK, Ping.REJECT}

    def start(self) -> bool:
        """Start the server unless it is running; return whether this call started it.

        Creates the data directory and the database if they do not exist. Safe to call from several
        processes concurrently.

        Raises:
            EmbeddedPostgresError: the server cannot be started; the message gives the reason.
        """
        if self._is_ready():
            return False
        with self._locked():
            started = not self._responds()
            if started:
                self._create_data()
                self.install.make_folder(self.install.socket_folder)
                self._start_server()
            # A process that started the server may have been killed before it created the database.
            self._create_database()
        return started

    def stop(self) -> bool:
        """Stop the server and wait; return whether it was running.

        Raises:
            EmbeddedPostgresError: the server cannot be stopped.
        """
        if not self.is_running():
            return False
        with self._locked():
            programs.run(self.install, "pg_ctl", "stop", "-D", "data", "-m", "fast", "-w")
        return True

    def stop_if_unused(self) -> bool:
        """Stop the server unless another client is connected; return whether it was stopped."""
        try:
            self._wait_for_startup()
            with self.connect() as connection:
                unused = _is_only_client(connection)
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

    def _responds(self) -> bool:
        """Return whether the server is running.

        While it resets itself after a crash of one of its processes, it does not respond for a
        moment. To start another one then would fail, and take away the log of the first.
        """
        deadline = time.monotonic() + _RESET_SECONDS
        while not self.is_running():
            if time.monotonic() > deadline or not self._has_process():
                return False
            time.sleep(0.05)
        return True

    def _has_process(self) -> bool:
        try:
            pid = (self.install.data / "postmaster.pid").read_text().partition("\n")[0]
            os.kill(int(pid), 0)
        except PermissionError:
            return True
        except (OSError, ValueError):
            return False
        return True

    def _wait_for_startup(self) -> None:
        """Wait up to a minute while the server starts up or recovers from a crash."""
        deadline = time.monotonic() + _START_SECONDS
        while self._ping() == Ping.REJECT and time.monotonic() < deadline:
            time.sleep(0.05)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.install.make_folder(self.install.home)
            with (self.install.home / "lock").open("w") as lock:
                _acquire(lock)
                yield
        except OSError as error:
            raise EmbeddedPostgresError(
                f"the database folder {self.install.home} cannot be used: {error.strerror}. "
                "Check TICKETBOSS_HOME."
            ) from error

    def _create_data(self) -> None:
        if self.install.data.exists():
            return
        # Rename only when complete, so that an interrupted initdb leaves no partial data directory.
        scratch = self.install.home / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            programs.run(
                self.install,
                "initdb",
                *("-D", scratch.name, "--username", ROLE, "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", "--no-instructions"),
            )
            scratch.rename(self.install.data)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)  # The disk may be full.
            raise

    def _start_server(self) -> None:
        (self.install.data / "postgresql.auto.conf").write_text(self._configuration())
        deadline = time.monotonic() + _START_SECONDS
        if self.install.log.exists():
            # Keep the previous log: it may explain why the server stopped.
            self.install.log.replace(self.install.log.with_suffix(".log.old"))
        while True:
            self.install.log.unlink(missing_ok=True)
            try:
                programs.run(
                    self.install,
                    "pg_ctl",
                    *("start", "-D", "data", "-l", self.install.log.name),
                    *("-w", "-t", str(_START_SECONDS)),
                )
            except EmbeddedPostgresError as error:
                reason = programs.explain(self._read_fatal_error() or str(error), self.install.home)
                if time.monotonic() > deadline or not any(
                    text in reason for text in _TRANSIENT_ERRORS
                ):
                    raise EmbeddedPostgresError(
                        f"PostgreSQL did not start: {reason}; see {self.install.log}"
                    ) from error
                time.sleep(0.2)
            else:
                return

    def _configuration(self) -> str:
        # Double quotes allow any character in the path. A double quote is doubled for the list of
        # directories, a single quote and a backslash for the configuration file.
        folder = str(self.install.socket_folder).replace('"', '""')
        folder = folder.replace("'", "''").replace("\\", "\\\\")
        return (
            "# Written by ticketboss.embedded_postgres at every start.\n"
            "listen_addresses = ''\n"
            f"unix_socket_directories = '\"{folder}\"'\n"
            "unix_socket_permissions = 0700\n"
            "port = 5432\n"
            f"{_LOG_SETTINGS}"
        )

    def _create_database(self) -> None:
        self._wait_for_startup()
        name = sql.Identifier(DATABASE)
        try:
            with self.connect() as connection:
                if not connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.Error as error:
            reason = programs.explain(str(error), self.install.home)
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL reported an error: {reason}"
            ) from error

    def _read_fatal_error(self) -> str:
        """Return the last fatal error in the server's log, or an empty string."""
        if not self.install.log.exists():
            return ""
        lines = self.install.log.read_text(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return fatal[-1].partition(":  ")[2] if fatal else ""


def _acquire(lock: IO[str]) -> None:
    # Poll instead of blocking: the holder may be another greenlet in this process.
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return
