"""Responses while the database is unavailable."""

import pytest
from django.db import OperationalError
from django.test import Client

from ticketboss.admin.users import UserAdmin


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("text/html", "text/html; charset=utf-8"), ("*/*", "application/json")],
)
def test_database_error_on_a_page_returns_503(
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    accept: str,
    content_type: str,
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("connection refused at db.internal")

    monkeypatch.setattr(UserAdmin, "get_queryset", fail)
    response = admin_client.get("/admin/auth/user/", headers={"accept": accept})
    assert (response.status_code, response["Content-Type"]) == (503, content_type)
    assert response["Retry-After"] == "1"
    assert "Accept" in response["Vary"].split(", ")
    assert "db.internal" not in response.content.decode()
