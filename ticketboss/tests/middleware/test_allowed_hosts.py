"""Requests for a host that is not in ALLOWED_HOSTS."""

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.mark.parametrize("debug", [True, False], ids=["development", "production"])
def test_unknown_host_gets_plain_400(settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    response = Client().get("/reservations", headers={"Host": "evil.example", "X-Request-ID": "a"})
    assert (response.status_code, response["X-Request-ID"]) == (400, "a")
    assert response.json() == {"error": "Bad request", "code": "invalid"}


@pytest.mark.parametrize("accept", ["text/html", "*/*"], ids=["page", "json"])
def test_unknown_host_varies_by_accept(accept: str) -> None:
    response = Client().get("/", headers={"Host": "evil.example", "Accept": accept})
    assert (response.status_code, response["Vary"]) == (400, "Accept")
