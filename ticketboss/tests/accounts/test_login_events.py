"""Logins, failed and refused attempts, and unlocked accounts are recorded in the audit log."""

import threading
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from reservations.models import SecurityEvent
from reservations.tests.admin.conftest import Login
from ticketboss.accounts.login_throttle import BY_ACCOUNT_AND_ADDRESS, BY_ADDRESS
from ticketboss.tests.accounts.conftest import PASSWORD

ADDRESS = "192.0.2.17"


def log_in(
    password: str = "wrong-pass-1", *, username: str = "ada", address: str = ADDRESS, **headers: Any
) -> Client:
    client = Client(REMOTE_ADDR=address)
    client.post("/admin/login/", {"username": username, "password": password}, **headers)
    return client


def events(kind: str) -> list[Any]:
    """Return the events of one kind, oldest first."""
    found = SecurityEvent.objects.filter(kind=kind).order_by("at", "id")
    return list(found.values("actor", "subject", "client", "details"))


def test_login_and_logout_are_recorded(ada: User) -> None:
    log_in(PASSWORD, HTTP_X_REQUEST_ID="request-7").post("/admin/logout/")
    expected = {"actor": "admin:ada", "subject": f"user:{ada.pk}", "client": "192.0.2.x"}
    for kind in ("login", "logout"):
        assert events(kind) == [expected | {"details": {}}]
    assert SecurityEvent.objects.get(kind="login").request_id == "request-7"
    assert not SecurityEvent.objects.filter(kind="login_failed").exists()


def test_request_without_a_valid_id_is_recorded_with_a_new_one(ada: User) -> None:
    log_in(PASSWORD, HTTP_X_REQUEST_ID="a@b.example")
    [event] = SecurityEvent.objects.filter(kind="login")
    assert len(event.request_id) == 32


def test_logout_without_a_login_is_not_recorded(ada: User) -> None:
    Client().post("/admin/logout/")
    assert events("logout") == []


def test_wrong_password_is_recorded_with_the_account(ada: User) -> None:
    log_in()
    assert events("login_failed") == [
        {
            "actor": "anonymous",
            "subject": f"user:{ada.pk}",
            "client": "192.0.2.x",
            "details": {"name": "a••• (3)"},
        }
    ]


def test_password_typed_as_a_name_is_recorded_masked(ada: User) -> None:
    log_in(username=PASSWORD, address="2001:db8:1:2::3")
    [event] = events("login_failed")
    assert (event["subject"], event["details"]) == ("", {"name": "c••• (15)"})
    assert event["client"] == "2001:db8:1::/48"


def test_refused_attempts_are_recorded_once(ada: User) -> None:
    allowed = BY_ACCOUNT_AND_ADDRESS.attempts
    for _ in range(allowed + 5):
        log_in(PASSWORD + "x")
    log_in(PASSWORD)
    assert len(events("login_failed")) == allowed
    [event] = events("login_locked")
    assert (event["actor"], event["subject"]) == ("anonymous", f"user:{ada.pk}")
    assert event["details"] == {"name": "a••• (3)"}
    assert events("login") == []


def test_refused_attempts_from_elsewhere_are_recorded_too(ada: User) -> None:
    for address in (ADDRESS, "198.51.100.1", "198.51.100.2"):
        for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts + 2):
            log_in(address=address)
    assert [event["client"] for event in events("login_locked")] == ["192.0.2.x", "198.51.100.x"]


def test_flood_of_unknown_names_is_recorded_once(ada: User) -> None:
    for number in range(BY_ADDRESS.attempts + 20):
        log_in(username=f"user-{number}")
    assert len(events("login_failed")) == BY_ADDRESS.attempts
    assert [event["subject"] for event in events("login_locked")] == [""]


@pytest.mark.django_db(transaction=True)
def test_refused_attempts_sent_together_are_recorded_once(ada: User) -> None:
    for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts):
        log_in()
    clients = 6
    together = threading.Barrier(clients)

    def guess() -> None:
        together.wait()
        log_in()
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(events("login_locked")) == 1


def test_login_that_cannot_be_recorded_is_refused(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("ticketboss.accounts.login_events.record", fail)
    client = log_in(PASSWORD)
    monkeypatch.undo()
    assert client.get("/admin/").status_code == 302  # to the login


def test_unlock_in_the_user_list_is_recorded(ada: User, login: Login) -> None:
    log_in()
    clerk = login("view_user", "change_user")
    clerk.post("/admin/auth/user/", {"action": "unlock", "_selected_action": str(ada.pk)})
    [event] = events("account_unlocked")
    assert (event["actor"], event["subject"]) == ("admin:clerk", f"user:{ada.pk}")
    assert event["details"] == {"failed_attempts": 1, "name": "a••• (3)"}


@pytest.mark.parametrize("action", [False, True])
def test_deleting_failed_logins_is_recorded(ada: User, login: Login, action: bool) -> None:
    log_in()
    clerk = login("view_accessattempt", "delete_accessattempt")
    [attempt] = AccessAttempt.objects.all()
    page = "/admin/axes/accessattempt/" + ("" if action else f"{attempt.pk}/delete/")
    data = {"action": "delete_selected", "_selected_action": str(attempt.pk)} if action else {}
    assert clerk.post(page, data | {"post": "yes"}).status_code == 302
    [event] = events("account_unlocked")
    assert (event["actor"], event["subject"]) == ("admin:clerk", f"user:{ada.pk}")
    expected = {"failed_attempts": 1, "name": "a••• (3)", "network": "192.0.2.x"}
    assert event["details"] == expected
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize(
    ("command", "details"),
    [
        (["axes_reset_username", "ada"], {"failed_attempts": 2, "name": "a••• (3)"}),
        (["axes_reset_ip", ADDRESS], {"failed_attempts": 1, "network": "192.0.2.x"}),
        (["axes_reset"], {"failed_attempts": 2}),
    ],
)
def test_unlock_by_a_command_is_recorded(
    ada: User, command: list[str], details: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in()
    log_in(address="198.51.100.1")
    monkeypatch.setattr("sys.argv", ["./manage.py", *command])
    call_command(*command)
    [event] = events("account_unlocked")
    assert (event["actor"], event["details"]) == (f"manage.py {command[0]}", details)
    assert event["subject"] == (f"user:{ada.pk}" if "name" in details else "")
