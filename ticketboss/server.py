"""gunicorn as a child process: it gets a socket that is taken already, and one signal to stop."""

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from django.core.management.base import CommandError

_CONFIG = Path(__file__).with_name("gunicorn.conf.py")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


class Server:
    """Serves on one socket until SIGINT, SIGTERM or SIGHUP, then lets requests in flight finish.

    Make it before anything that must be undone: from then on these signals no longer end the
    process at once, they raise SystemExit until ``run``.
    """

    def __init__(self) -> None:
        self._gunicorn: subprocess.Popen[bytes] | None = None
        for number in _STOPPING:
            signal.signal(number, self._stop)

    def run(self, listener: socket.socket, *, reload: bool) -> int:
        """Serve on ``listener`` until a signal; return gunicorn's exit code."""
        descriptor = listener.fileno()
        self._gunicorn = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", _CONFIG),
                *("--bind", f"fd://{descriptor}"),
                *(["--reload"] if reload else []),
            ],
            pass_fds=[descriptor],
            # Ctrl-C goes to every process of the terminal's group; gunicorn shall not see it.
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (no other thread runs by now)
        )
        listener.close()
        code = self._gunicorn.wait()
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)  # What is left is to clean up.
        return code

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._gunicorn is None:
            raise SystemExit(128 + number)
        # gunicorn takes SIGINT for a quick stop; SIGTERM lets requests in flight finish.
        self._gunicorn.terminate()


def _end_with_parent() -> None:
    """Be told to stop when the parent dies, even of SIGKILL. Linux alone can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
