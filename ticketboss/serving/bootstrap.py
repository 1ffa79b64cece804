"""What has to be true before the first request: a database that fits the code, and a login."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

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

# Any number will do, if all who migrate take the same.
_MIGRATION_LOCK = 8_405_721


class Login(NamedTuple):
    """A new member of staff."""

    username: str
    password: str


def embedded_cluster() -> Cluster | None:
    """Return the embedded server, or None if ``DATABASE_URL`` names another."""
    if settings.DATABASE_URL:
        return None
    return Cluster(settings.TICKETBOSS_HOME)


@contextmanager
def running_database() -> Iterator[Cluster | None]:
    """Keep the embedded server running, and stop it again if it did not run before.

    Gives None, and does nothing, if ``DATABASE_URL`` names another server.

    Raises:
        CommandError: it does not start.
    """
    cluster = embedded_cluster()
    try:
        ran_before = cluster is None or cluster.is_running()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error
    try:
        if cluster:
            _start(cluster)
        yield cluster
    finally:
        if cluster and not ran_before:
            disconnect()
            cluster.stop_if_unused()


def _start(cluster: Cluster) -> None:
    try:
        cluster.start()
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error


def prepare_database() -> Login | None:
    """Bring the database to this code's migrations; return the first login if one was made.

    Raises:
        CommandError: it cannot be reached, or newer code has migrated it.
    """
    reach_database()
    sql.set_for_session(lock_timeout=0, statement_timeout=0)
    # Two that start at once on a new database would both make its tables and its login.
    with sql.advisory_lock(_MIGRATION_LOCK):
        _refuse_newer()
        call_command("migrate", interactive=False, verbosity=0)
        return _make_first_login()


def _make_first_login() -> Login | None:
    """Make a member of staff if there is none, in development only."""
    users = get_user_model().objects
    if not settings.DEBUG or users.filter(is_staff=True).exists():
        return None
    login = Login("admin", secrets.token_urlsafe(9))
    users.create_superuser(username=login.username, password=login.password)
    return login


def disconnect() -> None:
    """Give up every connection of this process."""
    wrapper = _wrapper()
    wrapper.close()
    wrapper.close_pool()


def _wrapper() -> DatabaseWrapper:
    wrapper = connections[DEFAULT_DB_ALIAS]
    assert isinstance(wrapper, DatabaseWrapper)
    return wrapper


def reach_database() -> None:
    """See that the database can be reached.

    Raises:
        CommandError: it cannot; the text says which, and why.
    """
    # Not through the pool, which only says that it waited in vain.
    params = _wrapper().get_connection_params()
    try:
        psycopg.connect(**params).close()
    except psycopg.Error as error:
        where = ", ".join(
            f"{name} {params[name]}" for name in ("host", "port", "dbname") if params.get(name)
        )
        reason = str(error).splitlines()[0].rpartition("failed: ")[2]
        raise CommandError(
            f"the database ({where}) cannot be reached: {reason}. Check DATABASE_URL."
        ) from error


def _refuse_newer() -> None:
    loader = MigrationLoader(connection)
    ours = {config.label for config in apps.get_app_configs()}
    unknown = sorted(
        f"{label}.{name}"
        for label, name in loader.applied_migrations
        if label in ours and (label, name) not in loader.disk_migrations
    )
    if unknown:
        raise CommandError(
            f"the database was migrated by newer code, which brought {', '.join(unknown)}. "
            "Run that code, or restore a backup made before it."
        )
