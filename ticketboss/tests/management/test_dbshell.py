"""``manage.py dbshell`` with the embedded PostgreSQL."""

from pathlib import Path

import pytest

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import manage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]


def test_dbshell_starts_the_server_and_runs_its_psql(migrated_home: Path) -> None:
    Cluster(migrated_home).stop()
    done = manage(migrated_home, "dbshell", "--", "-Atc", "SELECT slug FROM reservations_event")
    assert (done.returncode, done.stdout) == (0, "node-meetup-2025\n")
