"""Fixtures for whole programs."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import Serving, manage


@pytest.fixture(scope="session")
def prepared_home() -> Iterator[Path]:
    """A TICKETBOSS_HOME with a migrated database that does not run, to copy."""
    with open_folder() as folder:
        home = folder / "home"
        done = manage(home, "migrate", "-v", "0")
        assert done.returncode == 0, done.stderr
        assert Cluster(home).stop()
        yield home
        Cluster(home).stop()


class open_folder:  # noqa: N801
    """A temporary folder that every user may enter, as a usual checkout is."""

    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="ticketboss-test-"))
        self.path.chmod(0o755)
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that every user may enter."""
    with open_folder() as path:
        yield path


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    """A TICKETBOSS_HOME with nothing in it; its server is stopped afterwards."""
    yield folder / "home"
    Cluster(folder / "home").stop()


@pytest.fixture
def migrated_home(prepared_home: Path, home: Path) -> Path:
    """A TICKETBOSS_HOME with a migrated database that does not run."""
    copy(prepared_home, home)
    return home


@pytest.fixture(scope="module")
def shared_home(prepared_home: Path) -> Iterator[Path]:
    """The same, for all tests of a module in turn."""
    with open_folder() as folder:
        copy(prepared_home, folder / "home")
        yield folder / "home"
        Cluster(folder / "home").stop()


def copy(source: Path, target: Path) -> None:
    """Copy a home with its owners: PostgreSQL insists on who owns its data."""
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.fixture
def serving(migrated_home: Path) -> Iterator[Serving]:
    """A server on a migrated database that it started itself."""
    with Serving(migrated_home) as serving:
        yield serving
