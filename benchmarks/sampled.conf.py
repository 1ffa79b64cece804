"""gunicorn's configuration for ``request_time.py``: the usual one, plus a sampling profiler.

Every few milliseconds of CPU time, a signal handler notes which part of the program is running. At
the end, each worker writes the CPU time of each part to the folder in ``SAMPLES``.
"""

import json
import os
import runpy
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_usual = runpy.run_path(str(_ROOT / "ticketboss/serving/gunicorn.conf.py"))
globals().update({name: value for name, value in _usual.items() if not name.startswith("__")})

_INTERVAL_SECONDS = 0.004
_SITE_PACKAGES = "site-packages/"
# The first part whose prefix matches the path of the innermost frame, or else of its caller.
_PARTS = {
    "log line and metrics": (
        "ticketboss/middleware/request_log",
        "ticketboss/conf/logging",
        "ticketboss/metrics",
        "reservations/metrics",
        "structlog",
        "prometheus_client",
    ),
    "HTTP server": ("ticketboss/serving", "ticketboss/wsgi", "gevent", "gunicorn"),
    "other middleware": ("ticketboss/middleware", "whitenoise", "corsheaders", "csp"),
    "API: views, validation, JSON": ("reservations/api", "rest_framework"),
    "group commit: queue and waiting": ("reservations/batching",),
    "ledger: rules and rows": ("reservations",),
    "database driver and pool": ("psycopg", "django/db"),
    "Django: handler, request, URLs": ("django", "asgiref"),
}
_samples: Counter[str] = Counter()


def _part(path: str) -> str | None:
    relative = path.rpartition(_SITE_PACKAGES)[2].removeprefix(f"{_ROOT}/")
    return next((part for part, prefixes in _PARTS.items() if relative.startswith(prefixes)), None)


def _sample(_number: int, frame: FrameType | None) -> None:
    while frame:
        part = _part(frame.f_code.co_filename)
        if part:
            _samples[part] += 1
            return
        frame = frame.f_back
    _samples["HTTP server"] += 1  # gevent's loop, which is written in C


def post_worker_init(worker: Any) -> None:
    """Start to sample."""
    _usual["post_worker_init"](worker)
    _samples.clear()
    worker.cpu_seconds_at_start = time.process_time()
    signal.signal(signal.SIGPROF, _sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_SECONDS, _INTERVAL_SECONDS)


def worker_exit(server: Any, worker: Any) -> None:
    """Write the CPU seconds of each part."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    used = time.process_time() - worker.cpu_seconds_at_start
    seconds = {part: used * count / _samples.total() for part, count in _samples.items()}
    Path(os.environ["SAMPLES"], str(worker.pid)).write_text(json.dumps(seconds))
    _usual["worker_exit"](server, worker)
