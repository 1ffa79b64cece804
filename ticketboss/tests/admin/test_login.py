"""Where logging in and out, and changing the password, lead to."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

PASSWORD = "only-for-tests-99"


@pytest.fixture
def clerk(db: None, settings: Settings) -> User:
    """A staff user without permissions, whose password is checked fast."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("clerk", password=PASSWORD, is_staff=True)


def log_in(path: str, **values: str) -> Any:
    data = {"username": "clerk", "password": PASSWORD, **values}
    return Client().post(path, data, follow=True)


@pytest.mark.usefixtures("clerk")
@pytest.mark.parametrize(
    ("query", "landing"),
    [
        ("", "/admin/"),
        ("?next=", "/admin/"),
        ("?next=/admin/password_change/", "/admin/password_change/"),
        ("?next=https://evil.example/", "/admin/"),
        ("?next=//evil.example/", "/admin/"),
        ("?next=javascript:alert(1)", "/admin/"),
    ],
)
def test_login_leads_to_a_page_of_the_admin(query: str, landing: str) -> None:
    response = log_in(f"/admin/login/{query}")
    assert (response.redirect_chain, response.status_code) == ([(landing, 302)], 200)


@pytest.mark.usefixtures("clerk")
def test_login_ignores_a_foreign_next_in_the_form() -> None:
    response = log_in("/admin/login/", next="https://evil.example/")
    assert response.redirect_chain == [("/admin/", 302)]


def test_logout_and_password_change_end_at_a_page(clerk: User) -> None:
    client = Client()
    client.force_login(clerk)
    changed = client.post(
        "/admin/password_change/",
        {"old_password": PASSWORD, "new_password1": "Another-88", "new_password2": "Another-88"},
        follow=True,
    )
    assert changed.redirect_chain == [("/admin/password_change/done/", 302)]
    assert changed.status_code == 200
    assert client.post("/admin/logout/", follow=True).status_code == 200
    assert client.get("/admin/", follow=True).redirect_chain == [
        ("/admin/login/?next=/admin/", 302)
    ]


@pytest.mark.usefixtures("clerk")
def test_form_of_the_admin_needs_a_csrf_token() -> None:
    visitor = Client(enforce_csrf_checks=True)
    data = {"username": "clerk", "password": PASSWORD}
    assert visitor.post("/admin/login/", data).status_code == 403
    data["csrfmiddlewaretoken"] = str(visitor.get("/admin/login/").context["csrf_token"])
    assert visitor.post("/admin/login/", data).status_code == 302
    assert visitor.post("/admin/logout/").status_code == 403
