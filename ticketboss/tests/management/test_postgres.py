"""manage.py postgres status|stop|backup|restore."""

from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from reservations.tests.commands import output_of
from ticketboss.embedded_postgres.cluster import Cluster

pytestmark = pytest.mark.slow


def postgres(*arguments: object) -> str:
    return output_of("postgres", *map(str, arguments))


def slugs(cluster: Cluster) -> list[str]:
    with cluster.connect("ticketboss") as connection:
        rows = connection.execute("SELECT slug FROM reservations_event ORDER BY id").fetchall()
    return [slug for (slug,) in rows]


@pytest.fixture
def cluster(shared_home: Path, settings: Settings) -> Cluster:
    settings.TICKETBOSS_HOME = shared_home
    settings.DATABASE_URL = ""
    return Cluster(shared_home)


def rename_event(cluster: Cluster, slug: str) -> None:
    with cluster.connect("ticketboss") as connection:
        connection.execute("UPDATE reservations_event SET slug = %s", [slug])


def test_status_and_stop(cluster: Cluster) -> None:
    with pytest.raises(SystemExit, match="3"):
        postgres("status")
    assert postgres("stop") == "It does not run.\n"
    cluster.start()
    assert f"runs.\n  Data    {cluster.install.data}" in postgres("status")
    assert postgres("stop") == "Stopped.\n"
    assert not cluster.is_running()


def test_backup_and_restore(cluster: Cluster, folder: Path) -> None:
    saved = folder / "saved.dump"
    assert postgres("backup", saved) == f"Saved to {saved}.\n"
    rename_event(cluster, "changed")
    assert postgres("restore", saved) == f"Restored from {saved}.\n"
    assert slugs(cluster) == ["node-meetup-2025"]


def test_a_backup_has_a_name_of_its_own(cluster: Cluster) -> None:
    said = postgres("backup")
    [saved] = (cluster.install.home.parent / "backups").iterdir()
    assert said == f"Saved to {saved}.\n"
    assert saved.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="exists; name a new file"):
        postgres("backup", saved)
    with pytest.raises(CommandError, match="cannot be written"):
        postgres("backup", saved / "in-a-file")


def test_what_cannot_be_restored_changes_nothing(cluster: Cluster, folder: Path) -> None:
    saved = folder / "saved.dump"
    postgres("backup", saved)
    rename_event(cluster, "changed")
    with cluster.connect("ticketboss"), pytest.raises(CommandError, match="is in use"):
        postgres("restore", saved)
    (folder / "half.dump").write_bytes(saved.read_bytes()[:-3000])
    with pytest.raises(CommandError, match="pg_restore failed"):
        postgres("restore", folder / "half.dump")
    with pytest.raises(CommandError, match="is not a file"):
        postgres("restore", folder / "none.dump")
    assert slugs(cluster) == ["changed"]


def test_another_server_is_not_ours_to_stop(settings: Settings) -> None:
    settings.DATABASE_URL = "postgresql://a:b@c/d"
    with pytest.raises(CommandError, match="DATABASE_URL"):
        postgres("stop")
