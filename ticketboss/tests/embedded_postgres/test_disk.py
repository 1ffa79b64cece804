"""The embedded server on disks that it cannot write to."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ticketboss.embedded_postgres import programs
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError
from ticketboss.tests.programs import manage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

NO_SPACE = r"no space is left on the disk of /\S+; free some space or inodes and try again"


@pytest.fixture
def mount(folder: Path) -> Iterator[Callable[[str], None]]:
    """Mount a small disk on ``folder / "disk"``, or change its options."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = False

    def run(options: str) -> None:
        nonlocal mounted
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options + (",remount" if mounted else ""), "x", disk],
            check=False,
            capture_output=True,
        )
        if done.returncode:
            pytest.skip("this user cannot mount a disk")
        mounted = True

    yield run
    Cluster(disk).stop()
    if mounted:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize(
    ("full", "enlarged"),
    [("size=8m,mode=755", "size=1g"), ("nr_inodes=100,mode=755", "nr_inodes=5000")],
    ids=["space", "inodes"],
)
def test_first_start_on_a_full_disk_says_so(
    mount: Callable[[str], None], folder: Path, full: str, enlarged: str
) -> None:
    mount(full)
    done = manage(folder / "disk", "postgres", "backup")
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    cluster = Cluster(folder / "disk")
    with pytest.raises(EmbeddedPostgresError, match=NO_SPACE) as error:
        cluster.start()
    assert line == f"CommandError: {error.value}"
    assert not (cluster.install.home / "data.new").exists()
    mount(enlarged)
    assert cluster.start()


def test_later_start_on_a_full_disk_says_so(mount: Callable[[str], None], folder: Path) -> None:
    mount("size=100m,mode=755")
    cluster = Cluster(folder / "disk")
    cluster.start()
    cluster.stop()
    filler = folder / "disk" / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(100 * 1024 * 1024))
    with pytest.raises(EmbeddedPostgresError, match=r"[Nn]o space (is )?left on") as error:
        cluster.start()
    assert str(cluster.install.home) in str(error.value)
    filler.unlink()
    assert cluster.start()


def test_start_on_a_read_only_disk_says_so(mount: Callable[[str], None], folder: Path) -> None:
    mount("ro")
    with pytest.raises(EmbeddedPostgresError, match=r"folder /\S+ cannot be used: Read-only file"):
        Cluster(folder / "disk").start()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_start_without_permission_says_so(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(EmbeddedPostgresError, match=r"folder /\S+ cannot be used: Permission"):
        Cluster(folder / "home").start()


def test_reason_is_the_first_error_of_a_program(home: Path) -> None:
    cluster = Cluster(home)
    cluster.install.make_folder(cluster.install.home)
    with pytest.raises(EmbeddedPostgresError) as error:
        programs.run(cluster.install, "initdb", "-D", "/proc/x")
    assert str(error.value).startswith('initdb failed: could not create directory "/proc/x": ')
