"""Measure how the memory of worker processes grows over many requests."""

from pathlib import Path

from load import Target, log, run_wrk
from rounds import FEW_CLIENTS
from serving import Served

BASELINE_REQUESTS = 10_000
DEFAULT_REQUESTS = 1_000_000
_CREATED = 201
_WRK_SECONDS = 10


def growth_factor(served: Served, slug: str, requests: int) -> float:
    """Return the workers' memory after ``requests`` requests, divided by that after 10,000."""
    target = Target(f"{served.url}/reservations", "mix", _CREATED, [slug])
    done = _send(target, 0, BASELINE_REQUESTS, seconds=1)
    before = _resident(served)
    log(f"after {done:,} requests: {before / 1024:,.0f} MiB")
    done = _send(target, done, requests, seconds=_WRK_SECONDS)
    after = _resident(served)
    log(f"after {done:,} requests: {after / 1024:,.0f} MiB")
    return after / before


def _send(target: Target, done: int, total: int, *, seconds: int) -> int:
    """Send requests until ``total`` are answered, counting from ``done``; return the count."""
    while done < total:
        answered = run_wrk(target, clients=FEW_CLIENTS, seconds=seconds).requests
        if not answered:
            raise SystemExit("the server no longer answers")
        done += answered
        log(f"{done:,} of {total:,} requests")
    return done


def _resident(served: Served) -> int:
    """Return the resident memory of all workers in KiB."""
    return sum(_kibibytes(worker) for worker in served.worker_pids())


def _kibibytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
