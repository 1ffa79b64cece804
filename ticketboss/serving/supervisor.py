"""Runs gunicorn and the job worker as child processes.

gunicorn inherits a listening socket that is already bound. SIGTERM stops both children, and a job
worker that exits is restarted.
"""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog
from django.conf import settings
from django.core.management.base import CommandError

log = structlog.get_logger(__name__)

_CONFIG = Path(__file__).with_name("gunicorn.conf.py")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_POLL_SECONDS = 1
_MIN_RESTART_INTERVAL_SECONDS = 5
# Longer than the 8 seconds that the worker gives a running job at shutdown.
_KILL_SECONDS = 9


@contextmanager
def listening_socket(host: str, port: int, names: str) -> Iterator[socket.socket]:
    """Bind and yield a socket on ``host:port``, which the settings ``names`` define.

    Bind before any other startup step, so that a second start fails without side effects.

    Raises:
        CommandError: the address cannot be used, for example because it is in use.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise CommandError(
            f"cannot listen on {host}:{port}: {reason}. "
            f"Stop the process that uses it, or set another {names}."
        ) from error
    with listener:
        yield listener


class Supervisor:
    """Serves until one of ``STOP_SIGNALS``, then lets requests in flight finish.

    Create it before anything that needs cleaning up: until ``run`` starts gunicorn, they
    raise SystemExit instead of killing the process.
    """

    def __init__(self) -> None:
        self._gunicorn: subprocess.Popen[bytes] | None = None
        self._worker = _JobWorkerProcess()
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)

    def run(self, listeners: Sequence[socket.socket], *, reload: bool, worker: bool) -> int:
        """Serve on ``listeners`` until a stop signal, and return gunicorn's exit code.

        Args:
            listeners: listening sockets; closed in this process once gunicorn has inherited them.
            reload: restart gunicorn's workers when the code changes.
            worker: run the job worker as well.
        """
        descriptors = [each.fileno() for each in listeners]
        self._gunicorn = _start(
            *("-m", "gunicorn", "--config", str(_CONFIG)),
            *(f"--bind=fd://{descriptor}" for descriptor in descriptors),
            *(["--reload"] if reload else []),
            pass_fds=descriptors,
        )
        for each in listeners:
            each.close()
        code = self._serve(self._gunicorn, worker=worker)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # Do not interrupt the cleanup.
        self._worker.stop()
        return code

    def _serve(self, gunicorn: subprocess.Popen[bytes], *, worker: bool) -> int:
        while True:
            if worker:
                self._worker.ensure_running()
            with suppress(subprocess.TimeoutExpired):
                return gunicorn.wait(timeout=_POLL_SECONDS)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._gunicorn is None:
            raise SystemExit(128 + number)
        # SIGTERM lets requests in flight finish; SIGINT would make gunicorn drop them.
        self._gunicorn.terminate()
        self._worker.request_stop()


class _JobWorkerProcess:
    """A ``manage.py worker`` process that is restarted whenever it exits, until it is stopped."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = -float(_MIN_RESTART_INTERVAL_SECONDS)
        self._stopping = False

    def ensure_running(self) -> None:
        """Start the process unless it is running, at most once every 5 seconds."""
        if self._stopping or time.monotonic() - self._started_at < _MIN_RESTART_INTERVAL_SECONDS:
            return
        if self._process is None or self._process.poll() is not None:
            if self._process:
                log.warning("serve.worker_restarted", code=self._process.returncode)
            self._started_at = time.monotonic()
            self._process = _start(str(settings.BASE_DIR / "manage.py"), "worker")

    def request_stop(self) -> None:
        """Send SIGTERM, so that the worker finishes its running jobs and exits. Do not wait."""
        self._stopping = True
        if self._process:
            self._process.terminate()

    def stop(self) -> None:
        """Stop the process and wait for it; kill it after 9 seconds."""
        self.request_stop()
        if self._process:
            try:
                self._process.wait(timeout=_KILL_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _start(*arguments: str, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        pass_fds=pass_fds,
        # Ctrl-C signals the terminal's process group; the children must not receive it.
        start_new_session=True,
        preexec_fn=_terminate_with_parent,  # noqa: PLW1509 (no other thread is running)
    )


def _terminate_with_parent() -> None:
    """Ask Linux to send SIGTERM when the parent dies, even from SIGKILL. Other systems cannot."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
