"""Backup and restore of the embedded database."""

import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from ticketboss.embedded_postgres.cluster import DATABASE, Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError

_RESTORED_DATABASE = sql.Identifier(f"{DATABASE}_restored")


def save(cluster: Cluster, target: Path) -> None:
    """Write a consistent dump of the database to the new file ``target``.

    Starts the server if it is not running.

    Raises:
        EmbeddedPostgresError: the file already exists or cannot be written, or the server does not
            start.
    """
    if target.exists():
        raise EmbeddedPostgresError(f"{target} already exists; choose another file")
    cluster.start()
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            unfinished.touch(mode=0o600)  # It contains password hashes.
            _run(cluster, "pg_dump", "--format=custom", "--file", unfinished, DATABASE)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise EmbeddedPostgresError(f"{target} cannot be written: {error.strerror}") from error


def restore(cluster: Cluster, source: Path) -> None:
    """Replace the database with the dump that ``save`` wrote to ``source``.

    Restores into a second database, which replaces the current one only once it is complete.
    Starts the server if it is not running.

    Raises:
        EmbeddedPostgresError: the file is not a valid dump, other clients are connected, or the
            server does not start.
    """
    if not source.is_file():
        raise EmbeddedPostgresError(f"{source} is not a file; choose a file written by backup")
    cluster.start()
    try:
        _restore(cluster, source)
    except psycopg.errors.ObjectInUse as error:
        raise EmbeddedPostgresError(
            "the database is in use; stop all clients connected to it, then restore again"
        ) from error
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise EmbeddedPostgresError(
            f"the embedded PostgreSQL reported an error: {reason}"
        ) from error


def _restore(cluster: Cluster, source: Path) -> None:
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(_RESTORED_DATABASE))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(_RESTORED_DATABASE))
        try:
            _run(
                cluster,
                *("pg_restore", "--exit-on-error", "--no-owner"),
                *("--dbname", f"{DATABASE}_restored", source),
            )
            _replace(connection)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(_RESTORED_DATABASE))


def _replace(connection: psycopg.Connection) -> None:
    current, former = sql.Identifier(DATABASE), sql.Identifier(f"{DATABASE}_former")
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(former))
    with connection.transaction():
        connection.execute(rename.format(current, former))
        connection.execute(rename.format(_RESTORED_DATABASE, current))
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
