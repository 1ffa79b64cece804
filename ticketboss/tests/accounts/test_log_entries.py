"""The admin log keeps the entries, and the names, of users who are deleted."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def clerk(db: None) -> User:
    """A user who has done something."""
    user = User.objects.create_user("clerk", first_name="Grace", is_staff=True)
    LogEntry.objects.log_actions(user.pk, [user], CHANGE, "Did it.", single_object=True)
    return user


def actor() -> User:
    return LogEntry.objects.get(change_message="Did it.").user


@pytest.mark.parametrize(
    "delete", [lambda user: user.delete(), lambda _: User.objects.filter(username="clerk").delete()]
)
def test_log_entries_survive_the_deletion_of_their_user(
    clerk: User, delete: Callable[[User], object]
) -> None:
    pk = clerk.pk
    delete(clerk)
    keeper = actor()
    assert (keeper.username, keeper.first_name) == (f"clerk (deleted {pk})", "Grace")
    assert (keeper.is_active, keeper.is_staff) == (False, False)
    assert not keeper.has_usable_password()
    assert not User.objects.filter(username="clerk").exists()


@pytest.mark.parametrize("action", [False, True])
def test_log_entries_survive_a_deletion_in_the_admin(
    admin_client: Client, clerk: User, action: bool
) -> None:
    page = "/admin/auth/user/" if action else f"/admin/auth/user/{clerk.pk}/delete/"
    data = {"action": "delete_selected", "_selected_action": str(clerk.pk)} if action else {}
    shown = admin_client.post(page, data) if action else admin_client.get(page)
    assert "clerk" in shown.content.decode()
    assert "Log entr" not in shown.content.decode()
    assert admin_client.post(page, data | {"post": "yes"}).status_code == 302
    assert actor().username == f"clerk (deleted {clerk.pk})"


def test_log_entries_survive_a_second_deletion(clerk: User) -> None:
    clerk.delete()
    keeper = actor()
    pk = keeper.pk
    keeper.delete()
    assert actor().username == f"clerk (deleted {pk})"


def test_users_without_log_entries_leave_no_account(db: None) -> None:
    User.objects.create_user("guest").delete()
    assert not User.objects.exists()
