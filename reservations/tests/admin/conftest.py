"""Fixtures for the tests of the admin: logged-in clients, sales, and query plans."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from reservations.models import Event
from reservations.tests.factories import reserve

Login = Callable[..., Client]


@pytest.fixture
def login(db: None) -> Login:
    """Return a function that logs in a staff user with only the given permissions.

    Permissions are given by codename, for example ``view_event``.
    """

    def log_in_as(*codenames: str, username: str = "clerk") -> Client:
        user = User.objects.create_user(username, is_staff=True)
        permissions = Permission.objects.filter(codename__in=codenames)
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return client

    return log_in_as


@pytest.fixture
def planned_for_large_tables(db: None) -> None:
    """Keep PostgreSQL from reading complete tables just because they are small."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")


@pytest.fixture
def sold(event: Event) -> Event:
    """The default event, with 3 of its 10 seats sold."""
    reserve(event, seats=3, partner="acme")
    return event
