"""Guessing passwords is limited by address and by account, before a password is hashed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client, RequestFactory

from reservations.tests.admin.conftest import Login
from ticketboss.accounts.login_throttle import (
    BY_ACCOUNT,
    BY_ACCOUNT_AND_ADDRESS,
    BY_ADDRESS,
    client_address,
)
from ticketboss.jobs.maintenance import prune_logins
from ticketboss.tests.accounts.conftest import PASSWORD

LOGIN = "/admin/login/"
OWNER, ATTACKER = "192.0.2.1", "198.51.100.1"


def log_in(password: str = "wrong", *, username: str = "ada", address: str = ATTACKER) -> Any:
    form = {"username": username, "password": password, "next": "/admin/"}
    return Client(REMOTE_ADDR=address).post(LOGIN, form)


def lock(*, username: str = "ada", address: str = ATTACKER) -> None:
    for _ in range(BY_ACCOUNT_AND_ADDRESS.attempts):
        assert log_in(username=username, address=address).status_code == 200


def pass_time(time: timedelta) -> None:
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - time)


def test_user_name_that_is_too_long_is_a_wrong_one(ada: User, derivations: list[int]) -> None:
    response = log_in(PASSWORD, username="a" * 256)
    assert (response.status_code, derivations) == (200, [])
    assert "Please enter the correct username and password" in response.content.decode()


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_sixth_wrong_password_is_refused_before_the_hash(
    ada: User, derivations: list[int], username: str
) -> None:
    lock(username=username)
    derivations.clear()
    response = log_in(PASSWORD, username=username)
    assert response.status_code == 429
    assert 890 < int(response["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in response.content.decode()
    assert derivations == []


def test_one_address_cannot_try_many_accounts(ada: User, derivations: list[int]) -> None:
    for number in range(BY_ADDRESS.attempts):
        assert log_in(username=f"user-{number}").status_code == 200
    derivations.clear()
    assert log_in(username="another").status_code == 429
    assert derivations == []


def test_owner_gets_in_while_another_address_is_locked(ada: User) -> None:
    lock()
    assert log_in(PASSWORD, address=OWNER).status_code == 302
    assert log_in(PASSWORD).status_code == 429


def attack_from_many_addresses() -> None:
    addresses = range(BY_ACCOUNT.attempts // BY_ACCOUNT_AND_ADDRESS.attempts)
    for number in addresses:
        lock(address=f"203.0.113.{number}")


def test_many_addresses_lock_an_account_for_a_minute(ada: User, derivations: list[int]) -> None:
    attack_from_many_addresses()
    derivations.clear()
    response = log_in(PASSWORD, address=OWNER)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60
    assert derivations == []
    pass_time(timedelta(minutes=1))
    assert log_in(PASSWORD, address=OWNER).status_code == 302


def test_many_addresses_do_not_lock_out_a_known_address(ada: User) -> None:
    assert log_in(PASSWORD, address=OWNER).status_code == 302
    attack_from_many_addresses()
    assert log_in(PASSWORD, address=OWNER).status_code == 302


def test_attempts_while_locked_do_not_prolong_the_lock(ada: User) -> None:
    lock()
    pass_time(timedelta(minutes=14))
    assert log_in().status_code == 429
    pass_time(timedelta(minutes=1))
    assert log_in(PASSWORD).status_code == 302


def test_login_forgets_the_failures_of_its_account_only(ada: User) -> None:
    log_in(username="nobody")
    log_in()
    assert log_in(PASSWORD).status_code == 302
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["nobody"]


@pytest.mark.django_db(transaction=True)
def test_wrong_passwords_sent_together_do_not_exceed_the_limit(
    ada: User, derivations: list[int]
) -> None:
    clients = 12
    together = threading.Barrier(clients)
    statuses: list[int] = []

    def guess() -> None:
        together.wait()
        statuses.append(log_in().status_code)
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    allowed = BY_ACCOUNT_AND_ADDRESS.attempts
    # The limit of anonymous requests refuses some of them earlier.
    assert len(derivations) == statuses.count(200) == allowed
    assert statuses.count(429) + statuses.count(503) == clients - allowed


def test_no_password_is_stored(ada: User) -> None:
    log_in("my-secret-word")
    log_in("my-secret-word")
    [row] = AccessAttempt.objects.values()
    assert "my-secret-word" not in str(row)
    assert row["failures_since_start"] == 2


@pytest.mark.parametrize(
    ("sent", "used"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
    ],
)
def test_ipv6_clients_are_limited_by_network(sent: str, used: str | None) -> None:
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=sent)) == used


def test_command_unlocks_an_account(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    lock()
    call_command("axes_reset_username", "ada")
    assert log_in(PASSWORD).status_code == 302


def test_unlocking_an_account_unlocks_its_addresses(ada: User) -> None:
    for number in range(BY_ADDRESS.attempts - 1):
        log_in(username=f"user-{number}")
    log_in()
    assert log_in(PASSWORD).status_code == 429
    call_command("axes_reset_username", "ada")
    assert log_in(PASSWORD).status_code == 302


def test_staff_can_unlock_an_account_in_the_admin(ada: User, login: Login) -> None:
    lock()
    clerk = login("view_user", "change_user")
    data = {"action": "unlock", "_selected_action": str(ada.pk)}
    assert clerk.post("/admin/auth/user/", data).status_code == 302
    assert log_in(PASSWORD).status_code == 302


def test_viewers_cannot_unlock_an_account(ada: User, login: Login) -> None:
    lock()
    data = {"action": "unlock", "_selected_action": str(ada.pk)}
    login("view_user").post("/admin/auth/user/", data)
    assert log_in(PASSWORD).status_code == 429


def test_staff_can_unlock_an_address_in_the_admin(ada: User, login: Login) -> None:
    lock()
    clerk = login("view_accessattempt", "delete_accessattempt")
    page = "/admin/axes/accessattempt/"
    content = clerk.get(page).content.decode()
    assert "198.51.100.1" in content
    assert "Axes" not in content
    [attempt] = AccessAttempt.objects.all()
    data = {"action": "delete_selected", "_selected_action": str(attempt.pk), "post": "yes"}
    assert clerk.post(page, data).status_code == 302
    assert log_in(PASSWORD).status_code == 302


def test_job_deletes_old_records_of_logins(ada: User) -> None:
    log_in()
    log_in(PASSWORD, address=OWNER)
    pass_time(timedelta(minutes=16))
    log_in(username="new")
    prune_logins(0)
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["new"]
    assert AccessLog.objects.count() == 1
    AccessLog.objects.update(attempt_time=F("attempt_time") - timedelta(days=91))
    prune_logins(0)
    assert not AccessLog.objects.exists()
