"""The shell commands in docs/operations.md, run exactly as documented."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.programs import ROOT, ServerProcess, environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]


def blocks(heading: str) -> list[str]:
    """Return the blocks of shell commands in the section with this heading."""
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_documented_backup_can_be_restored_and_verified(migrated_home: Path, folder: Path) -> None:
    back_up, restore = blocks("Back up and restore")
    cluster = Cluster(migrated_home)
    cluster.start()
    with ServerProcess(migrated_home) as server:
        kept = server.reserve(3).body["reservationId"]
        params = cluster.connection_params()

        def url(name: str) -> str:
            return f"postgresql://{params['user']}@/{name}?host={params['host']}"

        def run(commands: str) -> str:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", f"cd {folder}\n{commands}"],
                env={
                    **environment(migrated_home),
                    "PATH": os.pathsep.join([str(cluster.install.bin), str(folder), os.defpath]),
                    "PGSERVICEFILE": str(folder / "services"),
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        (folder / "services").write_text(
            f"[ticketboss]\nhost={params['host']}\ndbname=ticketboss\nuser={params['user']}\n"
        )
        (folder / "restored_url").write_text(url("ticketboss_restored"))
        root, executable = quote(str(ROOT)), quote(sys.executable)
        (folder / "python").write_text(f'#!/bin/sh\ncd {root}\nexec {executable} "$@"\n')
        (folder / "python").chmod(0o755)
        run(back_up)
        server.reserve(1)  # after the backup
        assert "node-meetup-2025: ok, 1 change, 3 of 500 seats sold" in run(restore)
    with ServerProcess(migrated_home, DATABASE_URL=url("ticketboss_restored")) as restored:
        assert restored.request("GET", f"/reservations/{kept}").status == 200
        assert restored.request("GET", "/reservations").body["availableSeats"] == 497
        assert restored.reserve(1).status == 201
