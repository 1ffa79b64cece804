"""Members of staff with their browsers."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from reservations.models import Event
from reservations.tests.factories import reserve

Login = Callable[..., Client]


@pytest.fixture
def login(db: None) -> Login:
    """Log in somebody with just the given permissions, ``view_event`` say."""

    def make(*codenames: str, username: str = "clerk") -> Client:
        user = User.objects.create_user(username, is_staff=True)
        permissions = Permission.objects.filter(codename__in=codenames)
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        return logged_in(user)

    return make


@pytest.fixture
def boss(db: None) -> Client:
    """A browser, logged in as somebody with every permission."""
    return logged_in(User.objects.create_superuser("boss"))


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def sold(event: Event) -> Event:
    """The default event, 3 of its 10 seats sold."""
    reserve(event, seats=3, partner="acme")
    return event
