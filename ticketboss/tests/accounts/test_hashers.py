"""The hash of a password: outside the event loop, few at a time, the same work for everybody."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import gevent
import pytest
from django.contrib.auth import authenticate, hashers
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.test import RequestFactory
from gevent.lock import BoundedSemaphore

from reservations import concurrency_limit
from reservations.concurrency_limit import ConcurrencyLimit
from reservations.errors import Busy
from ticketboss.accounts import hashers as own
from ticketboss.tests.accounts.conftest import PASSWORD

ITERATIONS = own.PBKDF2PasswordHasher.iterations


class Derivations:
    """Stands in for the derivation; knows in which threads and how many at a time it ran."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()
        # Releases the derivations in pairs: it fails if only one runs at a time.
        self._pair = threading.Barrier(2, timeout=10)

    def __call__(self, *_: object, **__: object) -> bytes:
        with self._lock:
            self.threads.append(threading.get_ident())
            self._running += 1
            self.most = max(self.most, self._running)
        self._pair.wait()
        with self._lock:
            self._running -= 1
        return b"derived"


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Derivations:
    """The derivations of a process that believes to be patched by gevent."""
    derivations = Derivations()
    monkeypatch.setattr(hashers, "pbkdf2", derivations)
    monkeypatch.setattr(own, "is_module_patched", lambda _: True)
    monkeypatch.setattr(concurrency_limit, "BoundedSemaphore", BoundedSemaphore)
    limit = ConcurrencyLimit(own._CONCURRENT, max_waiting=own._MAX_WAITING)
    monkeypatch.setattr(own, "_limit", limit)
    return derivations


OLD = "pbkdf2_sha256$1000$salt$ZGVyaXZlZA=="


@pytest.mark.parametrize(
    "use",
    [
        lambda: make_password("a"),
        lambda: check_password("a", f"pbkdf2_sha256${ITERATIONS}$salt$ZGVyaXZlZA=="),
        lambda: check_password("a", "!unusable"),
        lambda: check_password("a", OLD),
        lambda: check_password("a", OLD, setter=make_password),
        lambda: own.PBKDF2PasswordHasher().harden_runtime("a", OLD),
    ],
)
def test_no_password_is_hashed_on_the_loops_thread(
    serving: Derivations, use: Callable[[], object]
) -> None:
    gevent.joinall([gevent.spawn(use) for _ in range(2)], raise_error=True)
    assert len(serving.threads) >= 2
    assert threading.get_ident() not in serving.threads


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
@pytest.mark.parametrize(("before", "during"), [(0, 10), (15, 15)])
def test_hash_has_a_lower_priority_than_sales(before: int, during: int) -> None:
    def priority() -> str:
        return str(os.getpriority(os.PRIO_PROCESS, 0))

    def hash_in_thread_with_priority() -> str:
        os.setpriority(os.PRIO_PROCESS, 0, before)
        return own._with_low_priority(priority)

    own_priority = priority()
    with ThreadPoolExecutor(1) as thread:
        hashed = thread.submit(hash_in_thread_with_priority).result()
    assert hashed == str(during)
    assert priority() == own_priority


def test_at_most_two_passwords_are_hashed_at_a_time(serving: Derivations) -> None:
    gevent.joinall([gevent.spawn(make_password, "a") for _ in range(8)], raise_error=True)
    assert (len(serving.threads), serving.most) == (8, 2)


def test_too_many_waiting_hashes_are_refused(serving: Derivations) -> None:
    greenlets = [gevent.spawn(make_password, "a") for _ in range(33)]
    gevent.joinall(greenlets)
    refused = [each for each in greenlets if isinstance(each.exception, Busy)]
    assert (len(serving.threads), len(refused)) == (18, 15)


def test_commands_hash_in_their_own_thread(derivations: list[int]) -> None:
    assert check_password("a", make_password("a"))
    assert derivations == [ITERATIONS] * 2


def test_stored_passwords_of_djangos_hasher_stay_valid() -> None:
    stored = hashers.PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000)
    assert check_password(PASSWORD, stored)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("nobody", PASSWORD),
        ("ada", "wrong"),
        ("ada", PASSWORD),
        ("inactive", PASSWORD),
        ("without-password", PASSWORD),
        ("imported", PASSWORD),
        ("old", "wrong"),
    ],
)
def test_every_login_costs_the_same_number_of_iterations(
    ada: User, derivations: list[int], username: str, password: str
) -> None:
    User.objects.create_user("inactive", password=PASSWORD, is_active=False)
    User.objects.create_user("without-password")
    User.objects.create(username="imported", password="unknown$hash")
    User.objects.create(username="old", password="pbkdf2_sha256$1000$salt$hash")
    derivations.clear()
    request = RequestFactory().post("/admin/login/")
    authenticate(request, username=username, password=password)
    assert sum(derivations) == ITERATIONS
