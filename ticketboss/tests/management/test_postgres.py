"""``manage.py postgres``: status, stop, backup and restore."""

from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from reservations.tests.commands import output_of
from ticketboss.embedded_postgres.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]


def postgres(*arguments: object) -> str:
    """Run the command in this process; return its output."""
    return output_of("postgres", *map(str, arguments))


def slugs(cluster: Cluster) -> list[str]:
    with cluster.connect("ticketboss") as connection:
        rows = connection.execute("SELECT slug FROM reservations_event ORDER BY id").fetchall()
    return [slug for (slug,) in rows]


@pytest.fixture
def cluster(shared_home: Path, settings: Settings) -> Cluster:
    settings.TICKETBOSS_HOME = shared_home
    settings.DATABASE_URL = ""
    cluster = Cluster(shared_home)
    cluster.start()
    return cluster


def rename_event(cluster: Cluster, slug: str) -> None:
    with cluster.connect("ticketboss") as connection:
        connection.execute("UPDATE reservations_event SET slug = %s", [slug])


def test_status_and_stop_report_whether_server_is_running(cluster: Cluster) -> None:
    cluster.stop()
    with pytest.raises(SystemExit, match="3"):
        postgres("status")
    assert postgres("stop") == "It is not running.\n"
    cluster.start()
    assert f"is running.\n  Data    {cluster.install.data}" in postgres("status")
    assert postgres("stop") == "Stopped.\n"
    assert not cluster.is_running()


def test_restore_undoes_changes_made_after_the_backup(cluster: Cluster, folder: Path) -> None:
    saved = folder / "saved.dump"
    assert postgres("backup", saved) == f"Saved to {saved}.\n"
    original = slugs(cluster)
    rename_event(cluster, "renamed-after-backup")
    assert postgres("restore", saved) == f"Restored from {saved}.\n"
    assert slugs(cluster) == original


def test_backup_and_restore_leave_a_stopped_server_stopped(cluster: Cluster, folder: Path) -> None:
    cluster.stop()
    for command in ("backup", "restore"):
        postgres(command, folder / "saved.dump")
        assert not cluster.is_running()


def test_backup_without_file_name_creates_a_private_file(cluster: Cluster) -> None:
    output = postgres("backup")
    [saved] = (cluster.install.home.parent / "backups").iterdir()
    assert output == f"Saved to {saved}.\n"
    assert saved.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="already exists"):
        postgres("backup", saved)
    with pytest.raises(CommandError, match="cannot be written"):
        postgres("backup", saved / "in-a-file")


def test_failed_restore_changes_nothing(cluster: Cluster, folder: Path) -> None:
    saved = folder / "saved.dump"
    postgres("backup", saved)
    rename_event(cluster, "changed")
    with cluster.connect("ticketboss"), pytest.raises(CommandError, match="is in use"):
        postgres("restore", saved)
    (folder / "truncated.dump").write_bytes(saved.read_bytes()[:-3000])
    with pytest.raises(CommandError, match="pg_restore failed"):
        postgres("restore", folder / "truncated.dump")
    with pytest.raises(CommandError, match="is not a file"):
        postgres("restore", folder / "missing.dump")
    assert slugs(cluster) == ["changed"]


def test_stop_is_rejected_if_database_url_is_set(settings: Settings) -> None:
    settings.DATABASE_URL = "postgresql://a:b@c/d"
    with pytest.raises(CommandError, match="DATABASE_URL"):
        postgres("stop")
