"""Startup tasks before the first request: start and migrate the database, create a first login."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import psycopg
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from reservations import sql
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError

# An arbitrary number that is the same in every process that migrates.
_MIGRATION_LOCK = 8_405_721
_USERNAME = "admin"
_FILE = "first-password"


class Login(NamedTuple):
    """The first login. The password is in ``file``, or shown on the terminal if there is none."""

    username: str
    password: str
    file: Path | None = None


def embedded_cluster() -> Cluster | None:
    """Return the embedded server, or None if ``DATABASE_URL`` names another server."""
    if settings.DATABASE_URL:
        return None
    return Cluster(settings.TICKETBOSS_HOME)


@contextmanager
def running_database() -> Iterator[Cluster | None]:
    """Run the embedded server; on exit, stop it unless it was running before or is still in use.

    Yields None and does nothing if ``DATABASE_URL`` names another server.

    Raises:
        CommandError: the server cannot be started.
    """
    cluster = embedded_cluster()
    try:
        was_running = cluster is None or cluster.is_running()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error
    try:
        if cluster:
            _start(cluster)
        yield cluster
    finally:
        if cluster and not was_running:
            close_connections()
            cluster.stop_if_unused()


def _start(cluster: Cluster) -> None:
    try:
        cluster.start()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error


def prepare_database(*, on_terminal: bool) -> Login | None:
    """Migrate the database; in development, create and return a first login if there is none.

    Args:
        on_terminal: the caller shows the password; otherwise it is written to a file.

    Raises:
        CommandError: the database is unreachable, a newer version has migrated it, or the file
            cannot be written.
    """
    check_database_connection()
    # Processes that start concurrently must not migrate or create the login twice.
    with sql.advisory_lock(_MIGRATION_LOCK):
        _reject_unknown_migrations()
        call_command("migrate", interactive=False, verbosity=0)
        return _create_first_login(on_terminal=on_terminal)


def _create_first_login(*, on_terminal: bool) -> Login | None:
    """Create a superuser in development if there is no staff user, and return its credentials."""
    users = get_user_model().objects
    if not settings.DEBUG or users.filter(is_staff=True).exists():
        return None
    password = secrets.token_urlsafe(9)
    # Written first: an account whose password nobody knows would be of no use.
    file = None if on_terminal else _write_secret(settings.TICKETBOSS_HOME / _FILE, password)
    users.create_superuser(username=_USERNAME, password=password)
    return Login(_USERNAME, password, file)


def _write_secret(path: Path, text: str) -> Path:
    """Write ``text`` to a file that only this user can read, and return its path."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp creates the file with mode 0600; writing to an older file would keep its mode.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
        return Path(name).replace(path)
    except OSError as error:
        raise CommandError(f"cannot write the password to {path}: {error.strerror}") from error


def close_connections() -> None:
    """Close this thread's connection and the process's connection pool."""
    wrapper = _wrapper()
    wrapper.close()
    wrapper.close_pool()


def _wrapper() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])


def check_database_connection() -> None:
    """Start the embedded server unless it is running, then open and close a connection.

    Raises:
        CommandError: the database is unreachable; the message names it and the reason.
    """
    if cluster := embedded_cluster():
        _start(cluster)
    # Bypass the pool, which would only report a timeout.
    params = _wrapper().get_connection_params()
    try:
        psycopg.connect(**params).close()
    except psycopg.Error as error:
        where = ", ".join(
            f"{name} {params[name]}" for name in ("host", "port", "dbname") if params.get(name)
        )
        reason = str(error).splitlines()[0].rpartition("failed: ")[2]
        setting = "DATABASE_URL" if settings.DATABASE_URL else "TICKETBOSS_HOME"
        raise CommandError(
            f"the database ({where}) cannot be reached: {reason}. Check {setting}."
        ) from error


def _reject_unknown_migrations() -> None:
    loader = MigrationLoader(connection)
    ours = {config.label for config in apps.get_app_configs()}
    unknown = sorted(
        f"{label}.{name}"
        for label, name in loader.applied_migrations
        if label in ours and (label, name) not in loader.disk_migrations
    )
    if unknown:
        raise CommandError(
            f"the database was migrated by a newer version, which added {', '.join(unknown)}. "
            "Run that version, or restore a backup made before the upgrade."
        )
