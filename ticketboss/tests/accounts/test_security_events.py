"""What is changed about staff accounts and groups is recorded in the audit log."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from reservations.models import SecurityEvent
from ticketboss.tests.accounts.conftest import PASSWORD

USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"
NEW_PASSWORD = "other-word-77"
FORM = {"username": "berta", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
ACTIVE = {"is_active": "on"}


@pytest.fixture
def chief(ada: User) -> Client:
    """The browser of the superuser ada."""
    client = Client(REMOTE_ADDR="192.0.2.17")
    client.force_login(ada)
    return client


@pytest.fixture
def berta(ada: User) -> User:
    """An active account without rights."""
    return User.objects.create_user("berta", password=PASSWORD)


def recorded(actor: str = "admin:ada", client: str = "192.0.2.x") -> list[Any]:
    """Return kind, subject and details of the events of one actor and network, oldest first."""
    found = SecurityEvent.objects.filter(actor=actor, client=client).order_by("at", "id")
    return list(found.values_list("kind", "subject", "details"))


def permission(codename: str = "cancel_booking") -> Permission:
    return Permission.objects.get(codename=codename)


def test_new_account_is_recorded(chief: Client) -> None:
    form = {"username": "carla", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert chief.post(f"{USERS}add/", form).status_code == 302
    pk = User.objects.get(username="carla").pk
    assert recorded() == [("user_created", f"user:{pk}", {"name": "carla"})]


def save(chief: Client, user: User, **values: Any) -> None:
    assert chief.post(f"{USERS}{user.pk}/change/", FORM | values).status_code == 302


def test_saving_an_account_unchanged_records_nothing(chief: Client, berta: User) -> None:
    save(chief, berta, **ACTIVE, first_name="Berta", email="berta@shop.example")
    assert recorded() == []


def test_given_and_taken_rights_are_recorded(chief: Client, berta: User) -> None:
    group = Group.objects.create(name="managers")
    subject = f"user:{berta.pk}"
    rights = {"groups": group.pk, "user_permissions": permission().pk}
    save(chief, berta, **ACTIVE, is_staff="on", is_superuser="on", **rights)
    save(chief, berta, **ACTIVE, is_superuser="on")
    names = (
        ("groups", [f"managers ({group.pk})"]),
        ("permissions", ["reservations.cancel_booking"]),
    )
    given = [("rights_given", subject, {"name": "berta", "status": ["staff", "superuser"]})]
    given += [("rights_given", subject, {"name": "berta", name: value}) for name, value in names]
    taken = [("rights_taken", subject, {"name": "berta", "status": ["staff"]})]
    taken += [("rights_taken", subject, {"name": "berta", name: value}) for name, value in names]
    assert recorded() == given + taken


def test_deactivation_and_activation_are_recorded(chief: Client, berta: User) -> None:
    save(chief, berta)
    save(chief, berta, **ACTIVE)
    kinds = ("user_deactivated", "user_activated")
    assert recorded() == [(kind, f"user:{berta.pk}", {"name": "berta"}) for kind in kinds]


@pytest.mark.parametrize("usable", [True, False])
def test_password_set_by_a_superuser_is_recorded(chief: Client, berta: User, usable: bool) -> None:
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    if not usable:
        form = {"usable_password": "false", "unset-password": "1"}
    assert chief.post(f"{USERS}{berta.pk}/password/", form).status_code == 302
    details = {"name": "berta"} | ({} if usable else {"login": "disabled"})
    assert recorded() == [("password_changed", f"user:{berta.pk}", details)]


def test_change_of_the_own_password_is_recorded(chief: Client, ada: User) -> None:
    form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    chief.post("/admin/password_change/", form | {"old_password": PASSWORD})
    assert recorded() == [("password_changed", f"user:{ada.pk}", {"name": "ada"})]


@pytest.mark.parametrize("action", [False, True])
def test_deletion_is_recorded_and_loses_no_event(chief: Client, berta: User, action: bool) -> None:
    berta.groups.add(Group.objects.create(name="managers"))
    before = list(SecurityEvent.objects.order_by("pk").values())
    page = USERS if action else f"{USERS}{berta.pk}/delete/"
    data = {"action": "delete_selected", "_selected_action": str(berta.pk)} if action else {}
    assert chief.post(page, data | {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="berta").exists()
    after = SecurityEvent.objects.order_by("pk")
    assert list(after.values())[: len(before)] == before
    [event] = after[len(before) :]
    assert (event.kind, event.actor, event.subject) == (
        "user_deleted",
        "admin:ada",
        f"user:{berta.pk}",
    )
    assert event.details == {"name": "berta"}


def test_permissions_of_a_group_are_recorded(chief: Client) -> None:
    cancel, view = permission(), permission("view_event")
    form = {"name": "managers", "permissions": [cancel.pk, view.pk]}
    assert chief.post(f"{GROUPS}add/", form).status_code == 302
    group = Group.objects.get()
    form["permissions"] = [view.pk]
    assert chief.post(f"{GROUPS}{group.pk}/change/", form).status_code == 302
    subject = f"group:{group.pk}"
    both = ["reservations.cancel_booking", "reservations.view_event"]
    assert recorded() == [
        ("rights_given", subject, {"name": "managers", "permissions": both}),
        ("rights_taken", subject, {"name": "managers", "permissions": both[:1]}),
    ]


def test_deleted_group_is_recorded_with_its_members(chief: Client, berta: User) -> None:
    group = Group.objects.create(name="managers")
    group.permissions.add(permission())
    berta.groups.add(group)
    pk = group.pk
    assert chief.post(f"{GROUPS}{pk}/delete/", {"post": "yes"}).status_code == 302
    details = {
        "name": "managers",
        "deleted": True,
        "members": [f"user:{berta.pk}"],
        "permissions": ["reservations.cancel_booking"],
    }
    assert recorded() == [("rights_taken", f"group:{pk}", details)]


# --- Changes outside the admin ------------------------------------------------------------------


@pytest.fixture
def as_command(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this process look like a command; return it as an actor."""
    monkeypatch.setattr("sys.argv", ["/srv/manage.py", "shell", "-c", "secret-word-7"])
    return "manage.py shell"


def test_superuser_made_by_a_command_is_recorded(
    db: None, derivations: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["manage.py", "createsuperuser"])
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW_PASSWORD)
    options = {"username": "carla", "email": "c@shop.example", "interactive": False}
    call_command("createsuperuser", **options, stdout=StringIO())
    subject = f"user:{User.objects.get().pk}"
    assert recorded("manage.py createsuperuser", "") == [
        ("user_created", subject, {"name": "carla"}),
        ("rights_given", subject, {"name": "carla", "status": ["staff", "superuser"]}),
    ]


def test_password_changed_by_a_command_is_recorded(
    berta: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["manage.py", "changepassword"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW_PASSWORD)
    call_command("changepassword", "berta", stdout=StringIO())
    expected = [("password_changed", f"user:{berta.pk}", {"name": "berta"})]
    assert recorded("manage.py changepassword", "") == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda user, group: user.groups.add(group),
        lambda user, group: user.groups.add(group, group),
        lambda user, group: group.user_set.add(user),
        lambda user, group: user.groups.set([group]),
    ],
)
def test_right_is_recorded_whichever_side_it_is_given_from(
    berta: User, as_command: str, change: Callable[[User, Group], None]
) -> None:
    group = Group.objects.create(name="managers")
    for _ in range(2):
        change(berta, group)
    details = {"name": "berta", "groups": [f"managers ({group.pk})"]}
    assert recorded(as_command, "") == [("rights_given", f"user:{berta.pk}", details)]


@pytest.mark.parametrize(
    "change",
    [
        lambda user, group: user.groups.remove(group),
        lambda user, group: group.user_set.remove(user),
        lambda user, _: user.groups.clear(),
        lambda _, group: group.user_set.clear(),
        lambda user, _: user.groups.set([]),
    ],
)
def test_right_is_recorded_whichever_side_it_is_taken_from(
    berta: User, as_command: str, change: Callable[[User, Group], None]
) -> None:
    group = Group.objects.create(name="managers")
    berta.groups.add(group)
    for _ in range(2):
        change(berta, group)
    details = {"name": "berta", "groups": [f"managers ({group.pk})"]}
    [_, *taken] = recorded(as_command, "")
    assert taken == [("rights_taken", f"user:{berta.pk}", details)]


def test_login_that_renews_the_hash_changes_no_password(berta: User) -> None:
    # The fixture's derivation does not depend on the number of iterations.
    outdated = f"pbkdf2_sha256$1000$salt${make_password(PASSWORD, 'salt').rpartition('$')[2]}"
    User.objects.update(password=outdated)
    Client().post("/admin/login/", {"username": "berta", "password": PASSWORD})
    assert User.objects.get(pk=berta.pk).password != outdated
    assert not SecurityEvent.objects.filter(kind="password_changed").exists()


@pytest.mark.parametrize("stored", [None, "unknown$hash", "!unusable"])
def test_hash_set_without_a_password_is_recorded(
    berta: User, as_command: str, stored: str | None
) -> None:
    User.objects.filter(pk=berta.pk).update(password=stored or berta.password)
    berta.password = make_password(NEW_PASSWORD)
    berta.save(update_fields=["password"])
    expected = [("password_changed", f"user:{berta.pk}", {"name": "berta"})]
    assert recorded(as_command, "") == expected


def test_column_that_is_not_saved_is_not_recorded(berta: User, as_command: str) -> None:
    berta.is_superuser = True
    berta.save(update_fields=["first_name"])
    assert recorded(as_command, "") == []
    berta.save()
    assert [kind for kind, *_ in recorded(as_command, "")] == ["rights_given"]


EMAIL, TYPED, WRONG = "carla@shop.example", "typed-into-the-name-5", "wrong-word-3"


def attack_accounts() -> None:
    for name in (TYPED, EMAIL, "ada"):
        for address in ("192.0.2.17", "2001:db8:1:2:3:4:5:6"):
            browser = Client(REMOTE_ADDR=address)
            for _ in range(7):
                browser.post("/admin/login/", {"username": name, "password": WRONG})


def create_carla(chief: Client) -> User:
    """Create a superuser that is named by an e-mail address."""
    form = {"username": EMAIL, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert chief.post(f"{USERS}add/", form).status_code == 302
    carla = User.objects.get(username=EMAIL)
    group = Group.objects.create(name=f"of {EMAIL}")
    rights = {"is_superuser": "on", "is_staff": "on", "groups": group.pk}
    save(chief, carla, **ACTIVE, **rights, username=EMAIL, email=EMAIL)
    return carla


def work_as_carla(carla: User) -> None:
    browser = Client(REMOTE_ADDR="2001:db8:7:2:3:4:5:6")
    browser.post("/admin/login/", {"username": EMAIL, "password": NEW_PASSWORD})
    new = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    browser.post("/admin/password_change/", new | {"old_password": NEW_PASSWORD})
    browser.post(USERS, {"action": "unlock", "_selected_action": str(carla.pk)})
    browser.post("/admin/logout/")


def test_no_address_password_or_typed_name_is_stored(chief: Client) -> None:
    """Look at all rows after what staff can do, with the worst names and addresses."""
    attack_accounts()
    carla = create_carla(chief)
    hashes = list(User.objects.values_list("password", flat=True))
    work_as_carla(carla)
    assert chief.post(f"{USERS}{carla.pk}/delete/", {"post": "yes"}).status_code == 302
    assert set(SecurityEvent.objects.values_list("kind", flat=True)) == {
        *("login", "login_failed", "login_locked", "logout", "password_changed", "user_created"),
        *("user_deactivated", "user_deleted", "rights_given", "account_unlocked"),
    }
    secrets = ("@", PASSWORD, NEW_PASSWORD, WRONG, TYPED, "192.0.2.17", ":2:3:", *hashes)
    rows = [str(row) for row in SecurityEvent.objects.values()]
    assert [(row, each) for row in rows for each in secrets if each in row] == []
    assert any(f"'actor': 'admin:#{carla.pk}'" in row for row in rows)
