"""Fixtures of the tests of accounts."""

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.models import User

from reservations.tests.admin.conftest import login

__all__ = ["login"]

PASSWORD = "correct-horse-7"


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The iterations of each derivation since the start of the test; they take no time."""
    iterations: list[int] = []

    def pbkdf2(password: str, salt: str, number: int, **_: object) -> bytes:
        iterations.append(number)
        return f"{password} {salt}".encode()

    monkeypatch.setattr(hashers, "pbkdf2", pbkdf2)
    return iterations


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let anonymous requests to the admin take no more time than necessary."""
    monkeypatch.setattr("ticketboss.middleware.admin_limit._DELAY_SECONDS", 0)


@pytest.fixture
def ada(db: None, derivations: list[int], no_delay: None) -> User:
    """A superuser with ``PASSWORD``."""
    user = User.objects.create_superuser("ada", password=PASSWORD)
    derivations.clear()
    return user
