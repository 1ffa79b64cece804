"""Staff accounts in the admin: only a superuser changes other people and permissions."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from reservations.tests.admin.conftest import Login

USERS = "/admin/auth/user/"
PROFILE = {"username": "clerk", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
PRIVILEGES = {"is_superuser": "on", "is_active": "on", "is_staff": "on"}


def test_user_editor_can_only_change_the_own_name_and_address(login: Login) -> None:
    clerk = login("view_user", "change_user")
    user = User.objects.get(username="clerk")
    permission = Permission.objects.get(codename="cancel_reservation").pk
    group = Group.objects.create(name="managers").pk
    values = PROFILE | PRIVILEGES | {"user_permissions": str(permission), "groups": str(group)}
    names = {"username": "manager", "first_name": "Ada", "email": "ada@example.com"}
    assert clerk.post(f"{USERS}{user.pk}/change/", values | names).status_code == 302
    user.refresh_from_db()
    assert (user.username, user.first_name, user.email) == ("clerk", "Ada", "ada@example.com")
    assert (user.is_superuser, user.is_active, user.is_staff) == (False, True, True)
    assert not user.user_permissions.filter(pk=permission).exists()
    assert not user.groups.exists()


def test_only_a_superuser_can_change_another_account(login: Login) -> None:
    clerk = login("view_user", "change_user", "add_user")
    manager = User.objects.create_user("manager", password="unchanged-99", is_staff=True)
    values = PROFILE | {"username": "mine", "first_name": "Eve", "is_active": ""}
    page = f"{USERS}{manager.pk}"
    shown = clerk.get(f"{page}/change/")
    assert shown.status_code == 200
    assert "pbkdf2" not in shown.content.decode()
    assert clerk.post(f"{page}/change/", values).status_code == 403
    passwords = {"password1": "taken-over-77", "password2": "taken-over-77"}
    assert clerk.get(f"{page}/password/").status_code == 403
    assert clerk.post(f"{page}/password/", passwords).status_code == 403
    unchanged = User.objects.get(pk=manager.pk)
    assert (unchanged.username, unchanged.first_name, unchanged.is_staff) == ("manager", "", True)
    assert unchanged.check_password("unchanged-99")


def test_own_password_is_changed_with_the_old_one_only(login: Login) -> None:
    clerk = login("view_user", "change_user")
    user = User.objects.get(username="clerk")
    user.set_password("old-word-99")
    user.save()
    clerk.force_login(user)
    passwords = {"password1": "taken-over-77", "password2": "taken-over-77"}
    assert clerk.post(f"{USERS}{user.pk}/password/", passwords).status_code == 403
    new = {"new_password1": "other-word-77", "new_password2": "other-word-77"}
    page = "/admin/password_change/"
    assert clerk.post(page, new | {"old_password": "wrong"}).status_code == 200
    assert clerk.post(page, new | {"old_password": "old-word-99"}).status_code == 302
    assert User.objects.get(pk=user.pk).check_password("other-word-77")


def test_user_editor_can_add_an_account_without_privileges(login: Login) -> None:
    clerk = login("view_user", "change_user", "add_user")
    values = {"username": "new", "password1": "fresh-word-77", "password2": "fresh-word-77"}
    assert clerk.post(f"{USERS}add/", values | PRIVILEGES).status_code == 302
    added = User.objects.get(username="new")
    assert (added.is_staff, added.is_superuser) == (False, False)


def test_only_a_superuser_can_delete_staff(login: Login, admin_client: Client) -> None:
    clerk = login("view_user", "delete_user")
    manager = User.objects.create_user("manager", is_staff=True)
    guest = User.objects.create_user("guest")
    for user, status in ((manager, 403), (guest, 302)):
        page = f"{USERS}{user.pk}/delete/"
        assert clerk.post(page, {"post": "yes"}).status_code == status
    data = {"action": "delete_selected", "_selected_action": str(manager.pk), "post": "yes"}
    clerk.post(USERS, data)
    assert User.objects.filter(pk=manager.pk).exists()
    assert admin_client.post(USERS, data).status_code == 302
    assert not User.objects.filter(pk=manager.pk).exists()


def test_names_of_users_reject_invisible_characters(login: Login) -> None:
    clerk = login("view_user", "change_user")
    user = User.objects.get(username="clerk")
    for name, status in (("A\u202eda", 200), ("A\u200bda", 200), ("Zoe\u0308", 302)):
        values = PROFILE | PRIVILEGES | {"first_name": name, "last_name": name}
        assert clerk.post(f"{USERS}{user.pk}/change/", values).status_code == status
    user.refresh_from_db()
    assert (user.first_name, user.last_name) == ("Zo\u00eb", "Zo\u00eb")


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


def test_only_a_superuser_can_delete_a_group(login: Login, admin_client: Client) -> None:
    group = Group.objects.create(name="clerks")
    page, listing = f"/admin/auth/group/{group.pk}/delete/", "/admin/auth/group/"
    editor = login("view_group", "change_group", "delete_group")
    selected = {"action": "delete_selected", "_selected_action": group.pk, "post": "yes"}
    assert editor.post(page, {"post": "yes"}).status_code == 403
    editor.post(listing, selected)
    assert Group.objects.exists()
    admin_client.post(page, {"post": "yes"})
    assert not Group.objects.exists()


def test_superuser_can_grant_privileges(admin_client: Client, login: Login) -> None:
    login()
    user = User.objects.get(username="clerk")
    assert admin_client.post(f"{USERS}{user.pk}/change/", PROFILE | PRIVILEGES).status_code == 302
    user.refresh_from_db()
    assert user.is_superuser


@pytest.mark.parametrize("url", [f"{USERS}?username=%00", "/admin/auth/group/?name=%00"])
def test_invalid_query_string_still_shows_the_list(admin_client: Client, url: str) -> None:
    assert admin_client.get(url, follow=True).status_code == 200
