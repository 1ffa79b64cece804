"""The limit on anonymous requests to the admin."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from reservations.api.parsers import MAX_BODY_BYTES
from ticketboss.middleware import admin_limit
from ticketboss.middleware.admin_limit import AdminLimitMiddleware


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays so far, which take no time."""
    seconds: list[float] = []
    monkeypatch.setattr(admin_limit, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


def get(
    address: str = "192.0.2.1", *, path: str = "/admin/login/", user: Any = None
) -> HttpRequest:
    request = RequestFactory().get(path, REMOTE_ADDR=address, headers={"accept": "text/html"})
    request.user = user or AnonymousUser()
    return request


def test_anonymous_request_to_the_admin_is_delayed(delays: list[float]) -> None:
    assert AdminLimitMiddleware(lambda _: HttpResponse())(get()).status_code == 200
    assert delays == [0.25]


@pytest.mark.parametrize("request_", [get(user=User(pk=1)), get(path="/reservations")])
def test_staff_and_other_paths_are_not_limited(delays: list[float], request_: HttpRequest) -> None:
    middleware = AdminLimitMiddleware(lambda _: HttpResponse())
    middleware._waiting["192.0.2.1"] = 1000
    assert middleware(request_).status_code == 200
    assert delays == []


@pytest.mark.parametrize(("user", "status"), [(None, 413), (User(pk=1), 200)])
def test_long_form_is_read_only_from_staff(
    delays: list[float], user: User | None, status: int
) -> None:
    request = get(user=user)
    request.META["CONTENT_LENGTH"] = str(MAX_BODY_BYTES + 1)
    assert AdminLimitMiddleware(lambda _: HttpResponse())(request).status_code == status


@pytest.mark.parametrize(
    ("waiting", "address", "status"),
    [
        ({"192.0.2.1": 7}, "192.0.2.1", 200),
        ({"192.0.2.1": 8}, "192.0.2.1", 503),
        ({"192.0.2.1": 8}, "192.0.2.2", 200),
        ({"2001:db8::": 8}, "2001:db8::1", 503),  # All of a customer's network count as one.
        ({"2001:db8::": 8}, "2001:db8:0:1::1", 200),
        ({str(number): 6 for number in range(6)}, "192.0.2.2", 503),
    ],
)
def test_excess_requests_get_503(
    delays: list[float], waiting: dict[str, int], address: str, status: int
) -> None:
    middleware = AdminLimitMiddleware(lambda _: HttpResponse())
    middleware._waiting.update(waiting)
    response = middleware(get(address))
    assert response.status_code == status
    assert delays == [0.25]
    assert middleware._waiting == waiting
    assert response.get("Retry-After") == ("1" if status == 503 else None)


def test_few_anonymous_requests_are_served_at_a_time(delays: list[float]) -> None:
    free: list[int] = []

    def view(_: HttpRequest) -> HttpResponse:
        free.append(middleware._free._value)
        return HttpResponse()

    middleware = AdminLimitMiddleware(view)
    middleware(get())
    assert free == [3]


@pytest.mark.django_db(transaction=True)
def test_waiting_request_holds_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []

    def sleep(_: float) -> None:
        held.append(connection.connection is not None)

    monkeypatch.setattr(admin_limit, "time", SimpleNamespace(sleep=sleep))
    connection.ensure_connection()
    AdminLimitMiddleware(lambda _: HttpResponse())(get())
    assert held == [False]
