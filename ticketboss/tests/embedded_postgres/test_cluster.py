"""The embedded server: started by anybody, killed at any time, run as anybody."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import psycopg
import pytest

from ticketboss.embedded_postgres import install
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError
from ticketboss.tests.programs import ROOT, postmaster

pytestmark = pytest.mark.slow

START = """
import sys
from pathlib import Path
from ticketboss.embedded_postgres.cluster import Cluster
cluster = Cluster(Path(sys.argv[1]))
print(cluster.start(), cluster.install.home)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def answer(cluster: Cluster) -> object:
    with cluster.connect("ticketboss") as connection:
        row = connection.execute("SELECT count(*) FROM things").fetchone()
        return row[0] if row else None


@pytest.fixture
def cluster(home: Path) -> Cluster:
    return Cluster(home)


@pytest.fixture
def filled(shared_home: Path) -> Cluster:
    """A running server with a table of three rows."""
    cluster = Cluster(shared_home)
    cluster.start()
    with cluster.connect("ticketboss") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS things AS SELECT generate_series(1, 3)")
    return cluster


def test_start_stop_and_start_again(cluster: Cluster) -> None:
    assert not cluster.is_running()
    assert cluster.start()
    assert not cluster.start()
    with cluster.connect("ticketboss") as connection:
        connection.execute("CREATE TABLE things AS SELECT generate_series(1, 3)")
        settings = connection.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('listen_addresses'), current_setting('server_encoding')"
        ).fetchone()
    assert settings == ("on", "on", "", "UTF8")
    assert cluster.stop()
    assert not cluster.stop()
    assert cluster.start()
    assert answer(cluster) == 3


def test_eight_processes_at_once(home: Path) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", START, home], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    said = [start.communicate(timeout=60)[0].split()[0] for start in starts]
    assert [start.returncode for start in starts] == [0] * 8
    assert sorted(said) == [b"False"] * 7 + [b"True"]


def test_a_killed_server_is_started_again(filled: Cluster) -> None:
    for _ in range(2):
        postmaster(filled.install.data).send_signal(signal.SIGKILL)
        assert filled.start()
        assert answer(filled) == 3


def is_checkpointer(process: psutil.Process) -> bool:
    try:
        return "checkpointer" in " ".join(process.cmdline())
    except psutil.Error:  # It has just ended.
        return False


def test_a_stale_pid_that_looks_alive_is_waited_for(filled: Cluster) -> None:
    """While the old server's processes hang on to its memory, a new one must not start."""
    server = postmaster(filled.install.data)
    left_over = list(filter(is_checkpointer, server.children()))
    assert left_over
    for process in left_over:
        process.suspend()
    server.send_signal(signal.SIGKILL)
    waiting = subprocess.Popen([sys.executable, "-c", START, filled.install.home.parent], cwd=ROOT)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=2)
    for process in left_over:
        process.resume()
    assert waiting.wait(timeout=30) == 0
    assert answer(filled) == 3


def test_an_interrupted_first_start_is_finished_by_the_next(cluster: Cluster) -> None:
    cluster.install.make_folder(cluster.install.home)
    (cluster.install.home / "data.new").mkdir()
    (cluster.install.home / "data.new" / "PG_VERSION").write_text("18")
    assert cluster.start()
    with cluster.connect() as connection:
        connection.execute("DROP DATABASE ticketboss")
    assert not cluster.start()
    cluster.connect("ticketboss").close()


def connect_until_refused(cluster: Cluster, stack: ExitStack) -> None:
    while True:
        stack.enter_context(closing(cluster.connect()))


def test_a_server_that_is_full_is_not_taken_for_dead(filled: Cluster) -> None:
    with ExitStack() as stack:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            connect_until_refused(filled, stack)
        before = postmaster(filled.install.data).pid
        assert filled.is_running()
        with pytest.raises(EmbeddedPostgresError, match="too many clients"):
            filled.start()
        assert not filled.stop_if_unused()
        assert postmaster(filled.install.data).pid == before


def test_stop_if_unused(filled: Cluster) -> None:
    with filled.connect():
        assert not filled.stop_if_unused()
        assert filled.is_running()
    assert filled.stop_if_unused()
    assert not filled.is_running()


@pytest.mark.parametrize("name", ["a b 'c' \"d\" $HOME `e` é", "with,comma" + "x" * 120])
def test_awkward_paths(folder: Path, name: str) -> None:
    cluster = Cluster(folder / name / "home")
    try:
        assert cluster.start()
        assert cluster.is_running()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.install.socket_folder)


def test_a_reason_to_give_up_is_one_sentence(filled: Cluster) -> None:
    filled.stop()
    configuration = filled.install.data / "postgresql.conf"
    before = configuration.read_text()
    configuration.write_text("no_such_setting = 1")
    with pytest.raises(EmbeddedPostgresError, match=r"no_such_setting|configuration file") as error:
        filled.start()
    configuration.write_text(before)
    assert "\n" not in str(error.value)


@as_root
def test_root_runs_it_as_somebody_else(filled: Cluster) -> None:
    assert filled.install.user in {"postgres", "nobody"}
    assert postmaster(filled.install.data).username() == filled.install.user
    assert filled.install.home.parent.stat().st_uid == 0


@as_root
def test_a_folder_that_only_root_may_enter(folder: Path) -> None:
    folder.chmod(0o700)
    cluster = Cluster(folder / "home")
    try:
        assert cluster.start()
        assert str(cluster.install.data).startswith("/var/lib/ticketboss/")
        assert not (folder / "home").exists()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.install.home.parent)


@as_root
def test_programs_that_only_root_may_enter(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, major = install._find_programs()
    hidden = folder / "hidden"
    shutil.copytree(programs.parents[1], hidden / "embedded_postgres")
    libraries = programs.parents[2] / "embedded_postgres.libs"
    shutil.copytree(libraries, hidden / "embedded_postgres.libs")
    hidden.chmod(0o700)
    moved = hidden / "embedded_postgres" / "pginstall" / "bin"
    monkeypatch.setattr(install, "_find_programs", lambda: (moved, major))
    monkeypatch.setattr(install, "_SHARED_HOME", folder / "shared")
    cluster = Cluster(home)
    assert cluster.start()
    assert (folder / "shared") in cluster.install.bin.parents
    assert cluster.is_running()


@pytest.fixture
def ordinary(folder: Path) -> tuple[Path, str]:
    """A folder of an ordinary user with the code in it, and a Python which that user may run."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(sys.executable).resolve(), Path("/usr/bin") / minor]
    pythons = [each for each in candidates if each.exists() and install._reachable(each.parent)]
    if not pythons:
        pytest.skip(f"no {minor} on this machine that an ordinary user may run")
    packages = Path(sysconfig.get_path("platlib"))
    for pattern in ("psycopg*", "embedded_postgres*", "typing_extensions*"):
        for source in packages.glob(pattern):
            subprocess.run(["cp", "-r", source, folder], check=True)
    shutil.copytree(
        ROOT / "ticketboss" / "embedded_postgres", folder / "ticketboss/embedded_postgres"
    )
    shutil.chown(folder, "nobody")
    return folder, str(pythons[0])


@as_root
def test_an_ordinary_user_runs_it_as_themselves(ordinary: tuple[Path, str]) -> None:
    folder, python = ordinary
    account = pwd.getpwnam("nobody")
    source = START + "print(cluster.stop())"
    done = subprocess.run(
        [python, "-B", "-c", source, str(folder / "home")],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split()[::2] == ["True", "True"], done.stderr
    assert (folder / "home").stat().st_uid == account.pw_uid


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path) -> None:
    cluster = Cluster(folder / "home")
    cluster.install.home.parent.mkdir()
    cluster.install.home.symlink_to(folder)
    with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
        cluster.start()


@as_root
def test_data_of_another_user_is_left_alone(filled: Cluster) -> None:
    filled.stop()
    owner = filled.install.home.owner()
    shutil.chown(filled.install.home, "root")
    with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
        filled.start()
    shutil.chown(filled.install.home, owner)


def test_a_machine_without_postgres(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(install, "_DEBIAN", folder)
    with pytest.raises(EmbeddedPostgresError, match="DATABASE_URL"):
        install.find_install(folder)
    for major in ("9.6", "15", "17"):
        (folder / major / "bin").mkdir(parents=True)
        (folder / major / "bin" / "postgres").touch()
    assert install.find_install(folder).major == "17"
    assert install.find_install(folder).bin == folder / "17" / "bin"
