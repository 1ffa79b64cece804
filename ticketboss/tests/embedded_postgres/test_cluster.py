"""The embedded server: concurrent starts, crashes, unusual paths and different users."""

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
from psycopg.pq import Ping

from ticketboss.embedded_postgres import install
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError
from ticketboss.tests.programs import ROOT, postmaster

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

START = """
import sys
from pathlib import Path
from ticketboss.embedded_postgres.cluster import Cluster
cluster = Cluster(Path(sys.argv[1]))
print(cluster.start(), cluster.install.home)
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as another user")


def count_rows(cluster: Cluster) -> object:
    with cluster.connect("ticketboss") as connection:
        row = connection.execute("SELECT count(*) FROM things").fetchone()
        return row[0] if row else None


@pytest.fixture
def cluster(home: Path) -> Cluster:
    return Cluster(home)


@pytest.fixture
def running_cluster(shared_home: Path) -> Cluster:
    """A running server with a table of three rows."""
    cluster = Cluster(shared_home)
    cluster.start()
    with cluster.connect("ticketboss") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS things AS SELECT generate_series(1, 3)")
    return cluster


def test_data_survives_stop_and_start(cluster: Cluster) -> None:
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
    assert count_rows(cluster) == 3


def test_concurrent_starts_start_one_server(home: Path) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", START, home], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    started = [start.communicate(timeout=60)[0].split()[0] for start in starts]
    assert [start.returncode for start in starts] == [0] * 8
    assert sorted(started) == [b"False"] * 7 + [b"True"]


def test_killed_server_is_started_again(running_cluster: Cluster) -> None:
    for _ in range(2):
        postmaster(running_cluster.install.data).send_signal(signal.SIGKILL)
        assert running_cluster.start()
        assert count_rows(running_cluster) == 3


def test_server_that_resets_itself_is_not_started_again(
    running_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its log. It does not respond for a moment after a crash of one of its processes."""
    states = iter([Ping.NO_RESPONSE, Ping.NO_RESPONSE, Ping.REJECT])
    ping = running_cluster._ping
    monkeypatch.setattr(running_cluster, "_ping", lambda: next(states, None) or ping())
    monkeypatch.setattr(running_cluster, "_is_ready", lambda: False)
    log = running_cluster.install.log
    before = log.stat().st_ino
    assert not running_cluster.start()
    assert log.stat().st_ino == before


def is_checkpointer(process: psutil.Process) -> bool:
    try:
        return "checkpointer" in " ".join(process.cmdline())
    except psutil.Error:  # It has just exited.
        return False


def test_start_waits_for_processes_of_a_killed_server(running_cluster: Cluster) -> None:
    """They keep the shared memory, so PostgreSQL refuses to start a new server."""
    server = postmaster(running_cluster.install.data)
    survivors = list(filter(is_checkpointer, server.children()))
    assert survivors
    for process in survivors:
        process.suspend()
    server.send_signal(signal.SIGKILL)
    waiting = subprocess.Popen(
        [sys.executable, "-c", START, running_cluster.install.home.parent], cwd=ROOT
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(timeout=2)  # long enough for several attempts
    for process in survivors:
        process.resume()
    assert waiting.wait(timeout=60) == 0
    assert count_rows(running_cluster) == 3


def test_interrupted_first_start_is_completed_by_the_next(cluster: Cluster) -> None:
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


def test_server_without_free_connections_counts_as_running(running_cluster: Cluster) -> None:
    with ExitStack() as stack:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            connect_until_refused(running_cluster, stack)
        before = postmaster(running_cluster.install.data).pid
        assert running_cluster.is_running()
        with pytest.raises(EmbeddedPostgresError, match="too many clients"):
            running_cluster.start()
        assert not running_cluster.stop_if_unused()
        assert postmaster(running_cluster.install.data).pid == before


def test_stop_if_unused_keeps_a_server_with_clients(running_cluster: Cluster) -> None:
    with running_cluster.connect():
        assert not running_cluster.stop_if_unused()
        assert running_cluster.is_running()
    assert running_cluster.stop_if_unused()
    assert not running_cluster.is_running()


@pytest.mark.parametrize(
    "name",
    ["a b 'c' \"d\" $HOME `e` é 50% \\n\\", "with,comma" + "x" * 120],
    ids=["special-characters", "comma-and-long"],
)
def test_server_runs_in_unusual_paths(folder: Path, name: str) -> None:
    cluster = Cluster(folder / name / "home")
    try:
        assert cluster.start()
        assert cluster.is_running()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.install.socket_folder)


def test_start_error_is_one_line(running_cluster: Cluster) -> None:
    running_cluster.stop()
    configuration = running_cluster.install.data / "postgresql.conf"
    before = configuration.read_text()
    configuration.write_text("no_such_setting = 1")
    with pytest.raises(EmbeddedPostgresError, match=r"no_such_setting|configuration file") as error:
        running_cluster.start()
    configuration.write_text(before)
    assert "\n" not in str(error.value)


@needs_root
def test_root_runs_the_server_as_another_user(running_cluster: Cluster) -> None:
    assert running_cluster.install.user in {"postgres", "nobody"}
    assert postmaster(running_cluster.install.data).username() == running_cluster.install.user
    assert running_cluster.install.home.parent.stat().st_uid == 0


@needs_root
def test_home_that_only_root_can_enter_is_replaced(folder: Path) -> None:
    folder.chmod(0o700)
    cluster = Cluster(folder / "home")
    try:
        assert cluster.start()
        assert str(cluster.install.data).startswith("/var/lib/ticketboss/")
        assert not (folder / "home").exists()
    finally:
        cluster.stop()
        shutil.rmtree(cluster.install.home.parent)


@needs_root
def test_programs_that_only_root_can_enter_are_copied(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Path(sysconfig.get_path("platlib"))
    hidden = folder / "hidden"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(packages / name, hidden / name)
    hidden.chmod(0o700)
    monkeypatch.syspath_prepend(hidden)
    monkeypatch.setattr(install, "_SHARED_HOME", folder / "shared")
    cluster = Cluster(home)
    assert cluster.start()
    assert (folder / "shared") in cluster.install.bin.parents
    assert cluster.is_running()


def run_as_nobody(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in ``folder`` as the user ``nobody``."""
    account = pwd.getpwnam("nobody")
    return subprocess.run(
        command,
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


def nobody_can_run(python: Path) -> bool:
    try:
        return run_as_nobody([str(python), "-c", ""], Path("/")).returncode == 0
    except OSError:
        return False


@pytest.fixture
def checkout_of_nobody(folder: Path) -> tuple[Path, str]:
    """A folder that contains the code and belongs to ``nobody``, and a Python for that user."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(sys.executable).resolve(), Path("/usr/bin") / minor]
    pythons = [each for each in candidates if nobody_can_run(each)]
    if not pythons:
        pytest.skip(f"the user nobody cannot run {minor} on this machine")
    packages = Path(sysconfig.get_path("platlib"))
    for pattern in ("psycopg*", "embedded_postgres*", "typing_extensions*"):
        for source in packages.glob(pattern):
            subprocess.run(["cp", "-r", source, folder], check=True)
    shutil.copytree(
        ROOT / "ticketboss" / "embedded_postgres", folder / "ticketboss/embedded_postgres"
    )
    shutil.chown(folder, "nobody")
    return folder, str(pythons[0])


@needs_root
def test_ordinary_user_runs_the_server_as_themselves(
    checkout_of_nobody: tuple[Path, str],
) -> None:
    folder, python = checkout_of_nobody
    source = START + "print(cluster.stop())"
    done = run_as_nobody([python, "-B", "-c", source, str(folder / "home")], folder)
    assert done.stdout.split()[::2] == ["True", "True"], done.stderr
    assert (folder / "home").owner() == "nobody"


def test_symbolic_link_instead_of_the_folder_is_rejected(folder: Path) -> None:
    cluster = Cluster(folder / "home")
    cluster.install.home.parent.mkdir()
    cluster.install.home.symlink_to(folder)
    with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
        cluster.start()


@needs_root
def test_data_of_another_user_is_rejected(running_cluster: Cluster) -> None:
    running_cluster.stop()
    owner = running_cluster.install.home.owner()
    shutil.chown(running_cluster.install.home, "root")
    with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
        running_cluster.start()
    shutil.chown(running_cluster.install.home, owner)


def test_debian_packages_are_used_if_the_wheel_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(install, "_DEBIAN", folder)
    with pytest.raises(EmbeddedPostgresError, match="DATABASE_URL"):
        install.find_install(folder)
    for major in ("9.6", "15", "17"):
        (folder / major / "bin").mkdir(parents=True)
        (folder / major / "bin" / "postgres").touch()
    assert install.find_install(folder).major == "17"
    assert install.find_install(folder).bin == folder / "17" / "bin"
