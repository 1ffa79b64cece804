"""Preflight requests: each route allows the methods that it has."""

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from pytest_django import Settings

from ticketboss.middleware.cors import RouteCorsMiddleware

SHOP = "https://shop.example"


@pytest.fixture
def preflight(settings: Settings) -> Callable[[str], HttpResponseBase]:
    """Send a preflight request for a DELETE of a path to the middleware."""
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    middleware = RouteCorsMiddleware(unreachable)

    def send(path: str) -> HttpResponseBase:
        request = RequestFactory().options(
            path, headers={"Origin": SHOP, "Access-Control-Request-Method": "DELETE"}
        )
        response = middleware(request)
        assert isinstance(response, HttpResponseBase)
        return response

    return send


def unreachable(request: HttpRequest) -> HttpResponse:
    raise AssertionError("the middleware answers a preflight request itself")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/reservations", "GET, HEAD, OPTIONS, POST"),
        ("/api/reservations/", "GET, HEAD, OPTIONS, POST"),
        ("/reservations/x", "DELETE, GET, HEAD, OPTIONS"),
        ("/reservations/x/confirm", "OPTIONS, POST"),
        ("/api/v1/events", "GET, HEAD, OPTIONS"),
        ("/api/v1/bookings", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/bookings/x/cancel", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/api/schema", "GET, HEAD, OPTIONS"),
        ("/api/docs", "GET, HEAD, OPTIONS"),
    ],
)
def test_preflight_allows_only_methods_that_exist(
    preflight: Callable[[str], HttpResponseBase], path: str, methods: str
) -> None:
    assert preflight(path)["Access-Control-Allow-Methods"] == methods


def test_preflight_for_an_unknown_route_allows_no_method(
    preflight: Callable[[str], HttpResponseBase],
) -> None:
    response = preflight("/nowhere")
    assert response["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Methods" not in response
