"""A Host header that is not ours."""

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.mark.parametrize("debug", [True, False])
def test_a_forged_host_is_told_nothing(settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    answer = Client().get("/reservations", headers={"Host": "evil.example", "X-Request-ID": "a"})
    assert (answer.status_code, answer["X-Request-ID"]) == (400, "a")
    assert answer.json() == {"error": "Bad request", "code": "invalid"}
