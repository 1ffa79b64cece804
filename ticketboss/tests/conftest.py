"""Fixtures for tests that run separate processes."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import ServerProcess, manage


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a temporary folder that every user may enter, like an ordinary checkout."""
    with tempfile.TemporaryDirectory(prefix="ticketboss-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def copy(source: Path, target: Path) -> None:
    """Copy a home and keep its owners: PostgreSQL checks who owns its data directory."""
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.fixture(scope="session")
def prepared_home() -> Iterator[Path]:
    """A TICKETBOSS_HOME to copy, with a migrated database. Its server is stopped."""
    with temporary_folder() as folder:
        home = folder / "home"
        done = manage(home, "migrate", "-v", "0")
        assert done.returncode == 0, done.stderr
        assert Cluster(home).stop()
        yield home
        Cluster(home).stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder that every user may enter."""
    with temporary_folder() as path:
        yield path


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    """The path of a TICKETBOSS_HOME that does not exist yet; stops its server at the end."""
    yield folder / "home"
    Cluster(folder / "home").stop()


@pytest.fixture
def migrated_home(prepared_home: Path, home: Path) -> Path:
    """A TICKETBOSS_HOME with a migrated database. Its server is stopped."""
    copy(prepared_home, home)
    return home


@contextmanager
def temporary_copy(source: Path) -> Iterator[Path]:
    """Copy a home; at the end, stop its server and remove the copy."""
    with temporary_folder() as folder:
        copy(source, folder / "home")
        yield folder / "home"
        Cluster(folder / "home").stop()


@pytest.fixture(scope="module")
def shared_home(prepared_home: Path) -> Iterator[Path]:
    """A TICKETBOSS_HOME with a migrated database, shared by all tests of a module."""
    with temporary_copy(prepared_home) as home:
        yield home


@pytest.fixture
def server(migrated_home: Path) -> Iterator[ServerProcess]:
    """A running server with its own migrated database."""
    with ServerProcess(migrated_home) as server:
        yield server
