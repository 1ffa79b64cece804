"""Runs PostgreSQL's programs, and explains in one sentence why one failed."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from ticketboss.embedded_postgres.install import EmbeddedPostgresError, Install

_NO_SPACE = ("No space left on device", "Disk quota exceeded", "Check free disk space")
# With less free space, PostgreSQL cannot start, and may be unable to log why.
_MIN_FREE_BYTES = 64 * 1024
# Other lines of the output only report progress.
_SEVERITIES = ("error: ", "FATAL:  ", "PANIC:  ")


def run(install: Install, program: str, *arguments: object) -> None:
    """Run a program in the folder ``install.home`` and wait for it.

    Raises:
        EmbeddedPostgresError: the program failed; the message gives the reason.
    """
    with _open_output() as output:
        try:
            process = subprocess.Popen(
                [install.bin / program, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"},  # The reasons are read here.
                # pg_ctl passes paths to a shell, so pass only simple relative paths.
                cwd=install.home,
                **install.run_as(),
            )
            code = _wait_even_if_interrupted(process)
        except OSError as error:
            raise EmbeddedPostgresError(f"{program} failed: {error}") from error
        if code:
            output.seek(0)
            reason = _find_error(output.read()) or f"exit code {code}"
            raise EmbeddedPostgresError(f"{program} failed: {explain(reason, install.home)}")


def explain(reason: str, folder: Path) -> str:
    """Return what to do if the disk of ``folder`` is full, otherwise ``reason`` on one line."""
    if any(sign in reason for sign in _NO_SPACE) or not _has_space(folder):
        return f"no space is left on the disk of {folder}; free some space or inodes and try again"
    return " ".join(reason.split())


def _has_space(folder: Path) -> bool:
    disk = os.statvfs(folder)
    # Some file systems have no fixed number of inodes, and report 0.
    has_inodes = disk.f_favail > 0 or disk.f_files == 0
    return has_inodes and disk.f_bavail * disk.f_frsize >= _MIN_FREE_BYTES


def _open_output() -> IO[str]:
    # Not a pipe: the server keeps the output of pg_ctl open, so reading would never end. If
    # possible, not a file either: the disk may be full.
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("output"), "w+")
    return tempfile.TemporaryFile("w+")


def _find_error(output: str) -> str:
    """Return the first error in the output of a program, or all of the output."""
    for line in output.splitlines():
        for severity in _SEVERITIES:
            if severity in line:
                return line.partition(severity)[2]
    return output.strip()


def _wait_even_if_interrupted(process: subprocess.Popen[bytes]) -> int:
    """Wait for ``process`` and return its exit code; on an interrupt, wait before raising it.

    Even if pg_ctl is killed, the server starts, and it cannot be stopped until it is up.
    """
    try:
        return process.wait()
    except BaseException:
        process.wait()
        raise
