"""Accounts in the admin: nobody makes themselves mightier."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import OperationalError
from django.test import Client

from reservations.tests.admin.conftest import Login, boss, login  # noqa: F401 (fixtures)
from ticketboss.admin.users import UserAdmin

USERS = "/admin/auth/user/"
PROFILE = {"username": "clerk", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
POWERS = {"is_superuser": "on", "is_active": "on", "is_staff": "on"}


def test_who_may_edit_users_cannot_promote_themselves(login: Login) -> None:  # noqa: F811
    clerk = login("view_user", "change_user")
    user = User.objects.get(username="clerk")
    powers = Permission.objects.filter(codename="cancel_reservation").get().pk
    values = PROFILE | POWERS | {"user_permissions": str(powers), "first_name": "Ada"}
    assert clerk.post(f"{USERS}{user.pk}/change/", values).status_code == 302
    user.refresh_from_db()
    assert user.first_name == "Ada"
    assert not user.is_superuser
    assert not user.user_permissions.filter(pk=powers).exists()


def test_nobody_else_touches_a_superuser(login: Login) -> None:  # noqa: F811
    clerk = login("view_user", "change_user", "delete_user")
    chief = User.objects.create_superuser("chief", password="unchanged-99")
    page = f"{USERS}{chief.pk}"
    assert clerk.get(f"{page}/change/").status_code == 200
    assert clerk.post(f"{page}/change/", PROFILE | {"username": "mine"}).status_code == 403
    passwords = {"password1": "taken-over-77", "password2": "taken-over-77"}
    assert clerk.post(f"{page}/password/", passwords).status_code == 403
    assert clerk.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": str(chief.pk), "post": "yes"}
    clerk.post(USERS, data)
    chief.refresh_from_db()
    assert (chief.username, chief.check_password("unchanged-99")) == ("chief", True)


def test_a_group_gets_no_powers_either(login: Login) -> None:  # noqa: F811
    clerk = login("view_group", "change_group")
    group = Group.objects.create(name="clerks")
    powers = str(Permission.objects.filter(codename="cancel_reservation").get().pk)
    values = {"name": "renamed", "permissions": powers}
    assert clerk.post(f"/admin/auth/group/{group.pk}/change/", values).status_code == 302
    group.refresh_from_db()
    assert (group.name, group.permissions.count()) == ("renamed", 0)


def test_a_superuser_may(boss: Client, login: Login) -> None:  # noqa: F811
    login()
    user = User.objects.get(username="clerk")
    assert boss.post(f"{USERS}{user.pk}/change/", PROFILE | POWERS).status_code == 302
    user.refresh_from_db()
    assert user.is_superuser


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("text/html", "text/html; charset=utf-8"), ("*/*", "application/json")],
)
def test_without_a_database_a_page_says_so(
    boss: Client,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    accept: str,
    content_type: str,
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("connection refused at db.internal")

    monkeypatch.setattr(UserAdmin, "get_queryset", fail)
    answer = boss.get(USERS, headers={"accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (503, content_type)
    assert answer["Retry-After"] == "1"
    assert "db.internal" not in answer.content.decode()


@pytest.mark.parametrize("url", [f"{USERS}?username=%00", "/admin/auth/group/?name=%00"])
def test_an_odd_query_string_is_no_crash(boss: Client, url: str) -> None:  # noqa: F811
    assert boss.get(url, follow=True).status_code == 200
