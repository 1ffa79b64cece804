"""What a worker's memory comes to after very many requests."""

from pathlib import Path

from load import Target, say, wrk
from rounds import FEW
from serving import Served

EARLY = 10_000
MILLION = 1_000_000
_CREATED = 201
_SECONDS = 10


def grown(served: Served, slug: str, requests: int) -> float:
    """Return by which factor the workers have grown between 10,000 requests and ``requests``."""
    target = Target(f"{served.url}/reservations", "mix", _CREATED, [slug])
    done = _send(target, 0, EARLY, seconds=1)
    before = _resident(served.pid)
    say(f"after {done:,} requests: {before / 1024:,.0f} MiB")
    done = _send(target, done, requests, seconds=_SECONDS)
    after = _resident(served.pid)
    say(f"after {done:,} requests: {after / 1024:,.0f} MiB")
    return after / before


def _send(target: Target, done: int, wanted: int, *, seconds: int) -> int:
    """Go on until ``wanted`` requests have been answered; return how many have."""
    while done < wanted:
        answered = wrk(target, clients=FEW, seconds=seconds).requests
        if not answered:
            raise SystemExit("the server no longer answers")
        done += answered
        say(f"{done:,} of {wanted:,} requests")
    return done


def _resident(pid: int) -> int:
    """Return the workers' resident memory in KiB: the children of gunicorn, the child of serve."""
    workers = [worker for gunicorn in _children(pid) for worker in _children(gunicorn)]
    return sum(_kibibytes(worker) for worker in workers)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kibibytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
