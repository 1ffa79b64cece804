"""docs/operations.md: its commands are run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import ROOT, Serving, environment

pytestmark = pytest.mark.slow


def blocks(heading: str) -> list[str]:
    """Return the shell commands below a heading."""
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_a_backup_is_restored_and_verified(migrated_home: Path, folder: Path) -> None:
    back_up, restore = blocks("Back up and restore")
    cluster = Cluster(migrated_home)
    cluster.start()
    with Serving(migrated_home) as serving:
        kept = serving.reserve(3).body["reservationId"]
        params = cluster.connection_params()

        def url(name: str) -> str:
            return f"postgresql://{params['user']}@/{name}?host={params['host']}"

        def run(commands: str) -> str:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", f"cd {folder}\n{commands}"],
                env={
                    **environment(migrated_home),
                    "PATH": os.pathsep.join([str(cluster.install.bin), str(folder), os.defpath]),
                    "DATABASE_URL": url("ticketboss"),
                    "RESTORED_URL": url("ticketboss_restored"),
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        root, executable = quote(str(ROOT)), quote(sys.executable)
        (folder / "python").write_text(f'#!/bin/sh\ncd {root}\nexec {executable} "$@"\n')
        (folder / "python").chmod(0o755)
        run(back_up)
        serving.reserve(1)  # Sold after the backup.
        assert "node-meetup-2025: ok, 1 changes, 3 of 500 seats sold" in run(restore)
    with Serving(migrated_home, DATABASE_URL=url("ticketboss_restored")) as restored:
        assert restored.request("GET", f"/reservations/{kept}").status == 200
        assert restored.request("GET", "/reservations").body["availableSeats"] == 497
        assert restored.reserve(1).status == 201
