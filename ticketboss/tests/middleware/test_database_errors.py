"""A page that finds no database."""

import pytest
from django.db import OperationalError
from django.test import Client

from ticketboss.admin.users import UserAdmin


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("text/html", "text/html; charset=utf-8"), ("*/*", "application/json")],
)
def test_without_a_database_a_page_says_so(
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    accept: str,
    content_type: str,
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("connection refused at db.internal")

    monkeypatch.setattr(UserAdmin, "get_queryset", fail)
    answer = admin_client.get("/admin/auth/user/", headers={"accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (503, content_type)
    assert answer["Retry-After"] == "1"
    assert "db.internal" not in answer.content.decode()
