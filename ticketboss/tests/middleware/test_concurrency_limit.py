"""The limit on concurrent requests, and the delay of a 503."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from ticketboss.middleware import concurrency_limit
from ticketboss.middleware.concurrency_limit import ConcurrencyLimitMiddleware


@pytest.fixture
def during_delays(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """Functions to call during the next delays; a delay takes no time, and fails without one."""
    calls: list[Callable[[], object]] = []
    clock = SimpleNamespace(sleep=lambda _: calls.pop()(), monotonic=time.monotonic)
    monkeypatch.setattr(concurrency_limit, "time", clock)
    return calls


def get(path: str = "/reservations") -> HttpRequest:
    return RequestFactory().get(path)


def test_concurrent_request_over_the_limit_gets_503(
    settings: Settings, during_delays: list[Callable[[], object]]
) -> None:
    settings.MAX_CONCURRENT_REQUESTS = 1
    during_delays.append(lambda: None)
    excess: list[HttpResponseBase] = []

    def view(request: HttpRequest) -> HttpResponse:
        if not excess:
            excess.append(middleware(request))
        return HttpResponse()

    middleware = ConcurrencyLimitMiddleware(view)
    assert middleware(get()).status_code == 200
    assert [each.status_code for each in excess] == [503]
    assert excess[0]["Retry-After"] == "1"
    assert not during_delays


def test_delayed_503_of_a_view_leaves_its_place_to_others(
    settings: Settings, during_delays: list[Callable[[], object]]
) -> None:
    settings.MAX_CONCURRENT_REQUESTS = 1
    statuses = iter([503, 200])
    middleware = ConcurrencyLimitMiddleware(lambda _: HttpResponse(status=next(statuses)))
    meanwhile: list[int] = []
    during_delays.append(lambda: meanwhile.append(middleware(get()).status_code))
    assert middleware(get()).status_code == 503
    assert meanwhile == [200]


@pytest.mark.django_db(transaction=True)
def test_delayed_503_holds_no_connection(during_delays: list[Callable[[], object]]) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        connection.ensure_connection()
        return HttpResponse(status=503)

    held: list[object] = []
    during_delays.append(lambda: held.append(connection.connection))
    ConcurrencyLimitMiddleware(view)(get())
    assert held == [None]


@pytest.mark.parametrize(("seconds", "delay"), [(0, 0.25), (0.1, 0.15), (0.25, 0), (8, 0)])
def test_503_after_a_wait_is_delayed_less(
    monkeypatch: pytest.MonkeyPatch, seconds: float, delay: float
) -> None:
    """The delay must not add to the time in which a request is answered."""
    delays: list[float] = []
    times = iter([1000, 1000 + seconds])
    clock = SimpleNamespace(sleep=delays.append, monotonic=lambda: next(times))
    monkeypatch.setattr(concurrency_limit, "time", clock)
    ConcurrencyLimitMiddleware(lambda _: HttpResponse(status=503))(get())
    assert delays == [pytest.approx(delay)]


@pytest.mark.parametrize("path", ["/ready", "/admin/", "/static/x.css"])
@pytest.mark.usefixtures("during_delays")
def test_probes_and_the_admin_are_neither_limited_nor_delayed(
    settings: Settings, path: str
) -> None:
    settings.MAX_CONCURRENT_REQUESTS = 0
    response = HttpResponse(status=503)
    assert ConcurrencyLimitMiddleware(lambda _: response)(get(path)) is response
