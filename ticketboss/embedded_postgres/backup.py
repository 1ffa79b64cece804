"""Save the embedded database to a file, and bring it back."""

import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from ticketboss.embedded_postgres.cluster import DATABASE, Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError

_RESTORED = sql.Identifier(f"{DATABASE}_restored")


def save(cluster: Cluster, target: Path) -> None:
    """Write one consistent moment of the database to the new file ``target``.

    Raises:
        EmbeddedPostgresError: the file is there already, or cannot be written.
    """
    if target.exists():
        raise EmbeddedPostgresError(f"{target} exists; name a new file")
    cluster.start()
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            unfinished.touch(mode=0o600)  # It holds the staff's password hashes.
            _run(cluster, "pg_dump", "--format=custom", "--file", unfinished, DATABASE)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise EmbeddedPostgresError(f"{target} cannot be written: {error.strerror}") from error


def restore(cluster: Cluster, source: Path) -> None:
    """Replace the database by the one that ``save`` wrote to ``source``.

    The backup is first restored beside the database; only when that is complete does it take
    the database's place.

    Raises:
        EmbeddedPostgresError: the file is no backup, or somebody is connected.
    """
    if not source.is_file():
        raise EmbeddedPostgresError(f"{source} is not a file; name one that backup wrote")
    cluster.start()
    try:
        _restore(cluster, source)
    except psycopg.errors.ObjectInUse as error:
        raise EmbeddedPostgresError(
            "the database is in use; stop what is connected to it, then restore again"
        ) from error
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise EmbeddedPostgresError(f"the embedded PostgreSQL refuses: {reason}") from error


def _restore(cluster: Cluster, source: Path) -> None:
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(_RESTORED))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(_RESTORED))
        try:
            _run(
                cluster,
                *("pg_restore", "--exit-on-error", "--no-owner"),
                *("--dbname", f"{DATABASE}_restored", source),
            )
            _replace(connection)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(_RESTORED))


def _replace(connection: psycopg.Connection) -> None:
    current, former = sql.Identifier(DATABASE), sql.Identifier(f"{DATABASE}_former")
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(former))
    with connection.transaction():
        connection.execute(rename.format(current, former))
        connection.execute(rename.format(_RESTORED, current))
    connection.execute(sql.SQL("DROP DATABASE {}").format(former))


def _run(cluster: Cluster, program: str, *arguments: object) -> None:
    params = cluster.connection_params()
    done = subprocess.run(
        [
            cluster.install.bin / program,
            *("--host", params["host"], "--username", params["user"]),
            *map(str, arguments),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EmbeddedPostgresError(f"{program} failed: {' '.join(done.stderr.split())}")
