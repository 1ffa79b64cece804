"""Hashing of passwords outside the event loop."""

import os
import sys
from collections.abc import Callable

from django.contrib.auth import hashers
from gevent import get_hub
from gevent.monkey import is_module_patched

from reservations.concurrency_limit import ConcurrencyLimit
from reservations.database_errors import release_connection

_CONCURRENT = 2
_MAX_WAITING = 16
# On a busy core, a thread with this value gets a tenth of the time of one with 0.
_NICE = 10


_limit = ConcurrencyLimit(_CONCURRENT, max_waiting=_MAX_WAITING)


def _with_low_priority(encode: Callable[..., str], *arguments: object) -> str:
    """Call ``encode`` so that on a busy machine, it gets less CPU time than sales."""
    if sys.platform == "linux":  # where 0 is the calling thread, not the process
        # Raising a priority needs privileges, for example if the server runs with nice -n 19.
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    return encode(*arguments)


class PBKDF2PasswordHasher(hashers.PBKDF2PasswordHasher):
    """Django's hasher, which a web process runs in gevent's thread pool.

    A hash takes a quarter of a second. In the event loop, it would delay every sale by that time.
    ``hashlib`` releases the GIL, so the loop continues. Django calls ``encode`` for every hash:
    to store a password, to check it, and to make both take the same time.
    """

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Return the encoded hash.

        Raises:
            Busy: too many hashes are waiting in this process.
        """
        encode = super().encode
        if not is_module_patched("threading"):  # a command or the job worker
            return encode(password, salt, iterations)
        # Waiting requests must not use up the pool of connections.
        release_connection()
        with _limit:
            encoded: str = get_hub().threadpool.apply(
                _with_low_priority, (encode, password, salt, iterations)
            )
        return encoded
