"""gunicorn and the worker as child processes: the one gets a socket that is taken already.

Both get one signal to stop, and a worker that dies is started again.
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
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 1
_RESTART_SECONDS = 5
# The worker gives a job 8 seconds.
_KILL_SECONDS = 9


@contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Take ``host:port`` before anything else is touched, so that a running instance is safe.

    Raises:
        CommandError: it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise CommandError(
            f"cannot listen on {host}:{port}: {reason}. "
            "Stop what uses it, or choose another with HOST and PORT."
        ) from error
    with listener:
        yield listener


class Supervisor:
    """Serves on one socket until SIGINT, SIGTERM or SIGHUP, then lets requests in flight finish.

    Make it before anything that must be undone: from then on these signals no longer end the
    process at once, they raise SystemExit until ``run``.
    """

    def __init__(self) -> None:
        self._gunicorn: subprocess.Popen[bytes] | None = None
        self._worker = _JobWorker()
        for number in STOPPING:
            signal.signal(number, self._stop)

    def run(self, listener: socket.socket, *, reload: bool, worker: bool) -> int:
        """Serve on ``listener`` until a signal; return gunicorn's exit code.

        With ``worker``, run the jobs as well.
        """
        descriptor = listener.fileno()
        self._gunicorn = _start(
            *("-m", "gunicorn", "--config", str(_CONFIG)),
            *("--bind", f"fd://{descriptor}"),
            *(["--reload"] if reload else []),
            pass_fds=[descriptor],
        )
        listener.close()
        code = self._serve(self._gunicorn, worker=worker)
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)  # What is left is to clean up.
        self._worker.end()
        return code

    def _serve(self, gunicorn: subprocess.Popen[bytes], *, worker: bool) -> int:
        while True:
            if worker:
                self._worker.keep()
            with suppress(subprocess.TimeoutExpired):
                return gunicorn.wait(timeout=_LOOK_SECONDS)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._gunicorn is None:
            raise SystemExit(128 + number)
        # gunicorn takes SIGINT for a quick stop; SIGTERM lets requests in flight finish.
        self._gunicorn.terminate()
        self._worker.tell_to_end()


class _JobWorker:
    """``manage.py worker``, started again whenever it ends, until it is told to stop."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -float(_RESTART_SECONDS)
        self._ending = False

    def keep(self) -> None:
        """Start it unless it runs; no matter how it ends, not more often than every 5 seconds."""
        if self._ending or time.monotonic() - self._started < _RESTART_SECONDS:
            return
        if self._process is None or self._process.poll() is not None:
            if self._process:
                log.warning("serve.worker_restarted", code=self._process.returncode)
            self._started = time.monotonic()
            self._process = _start(str(settings.BASE_DIR / "manage.py"), "worker")

    def tell_to_end(self) -> None:
        """Let it finish the job in hand, and start no other."""
        self._ending = True
        if self._process:
            self._process.terminate()

    def end(self) -> None:
        """Return when it has ended."""
        self.tell_to_end()
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
        # Ctrl-C goes to every process of the terminal's group; these shall not see it.
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 (no other thread runs by now)
    )


def _end_with_parent() -> None:
    """Be told to stop when the parent dies, even of SIGKILL. Linux alone can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
