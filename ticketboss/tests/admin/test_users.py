"""Staff accounts in the admin: only a superuser grants permissions or edits a superuser."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from reservations.tests.admin.conftest import Login

USERS = "/admin/auth/user/"
PROFILE = {"username": "clerk", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
PRIVILEGES = {"is_superuser": "on", "is_active": "on", "is_staff": "on"}


def test_user_editor_cannot_grant_privileges_to_themselves(login: Login) -> None:
    clerk = login("view_user", "change_user")
    user = User.objects.get(username="clerk")
    permission = Permission.objects.get(codename="cancel_reservation").pk
    values = PROFILE | PRIVILEGES | {"user_permissions": str(permission), "first_name": "Ada"}
    assert clerk.post(f"{USERS}{user.pk}/change/", values).status_code == 302
    user.refresh_from_db()
    assert user.first_name == "Ada"
    assert not user.is_superuser
    assert not user.user_permissions.filter(pk=permission).exists()


def test_only_a_superuser_can_edit_a_superuser(login: Login) -> None:
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


def test_group_editor_cannot_grant_permissions(login: Login) -> None:
    clerk = login("view_group", "change_group")
    group = Group.objects.create(name="clerks")
    permission = Permission.objects.get(codename="cancel_reservation").pk
    values = {"name": "renamed", "permissions": str(permission)}
    assert clerk.post(f"/admin/auth/group/{group.pk}/change/", values).status_code == 302
    group.refresh_from_db()
    assert (group.name, group.permissions.count()) == ("renamed", 0)


def test_superuser_can_grant_privileges(admin_client: Client, login: Login) -> None:
    login()
    user = User.objects.get(username="clerk")
    assert admin_client.post(f"{USERS}{user.pk}/change/", PROFILE | PRIVILEGES).status_code == 302
    user.refresh_from_db()
    assert user.is_superuser


@pytest.mark.parametrize("url", [f"{USERS}?username=%00", "/admin/auth/group/?name=%00"])
def test_invalid_query_string_still_shows_the_list(admin_client: Client, url: str) -> None:
    assert admin_client.get(url, follow=True).status_code == 200
