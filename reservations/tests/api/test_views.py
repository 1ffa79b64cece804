"""Views based on BaseViewSet keep DRF's authentication, permissions, throttles and OPTIONS."""

import json
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.throttling import BaseThrottle

from reservations.api.exceptions import exception_handler
from reservations.api.permissions import public
from reservations.api.responses import JSONResponse
from reservations.api.views import BaseViewSet
from reservations.batching import BatchFailed


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        sent = request.META.get("HTTP_AUTHORIZATION")
        if sent == "bad":
            raise AuthenticationFailed("No such token")
        return (object(), sent) if sent else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="test"'


class HasToken(BasePermission):
    message = "Names only"

    def has_permission(self, request: Request, view: object) -> bool:
        return request.user is not None


class TokenThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: object) -> bool:
        return request.auth != "throttled"

    def wait(self) -> float:
        return 6.2


class ProtectedViewSet(BaseViewSet):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (HasToken,)
    throttle_classes = (TokenThrottle,)

    @public
    def list(self, request: Request) -> JSONResponse:
        return JSONResponse({"name": request.auth})


def get_protected(**headers: str) -> tuple[int, Any, Any]:
    request = APIRequestFactory().get("/", **headers)  # type: ignore[arg-type]
    response = ProtectedViewSet.as_view({"get": "list"})(request)
    return response.status_code, json.loads(response.content), response


def test_view_has_the_authenticated_token() -> None:
    assert get_protected(HTTP_AUTHORIZATION="ada")[:2] == (200, {"name": "ada"})


@pytest.mark.parametrize(
    ("headers", "error", "code"),
    [
        ({"HTTP_AUTHORIZATION": "bad"}, "No such token", "authentication_failed"),
        ({}, "Authentication credentials were not provided.", "not_authenticated"),
    ],
    ids=["bad", "missing"],
)
def test_missing_or_bad_credentials_are_answered_with_401(
    headers: dict[str, str], error: str, code: str
) -> None:
    status, body, response = get_protected(**headers)
    assert (status, body) == (401, {"error": error, "code": code})
    assert response["WWW-Authenticate"] == 'Bearer realm="test"'


def test_throttled_request_is_answered_with_retry_after() -> None:
    status, body, response = get_protected(HTTP_AUTHORIZATION="throttled")
    assert (status, body["code"], response["Retry-After"]) == (429, "throttled", "7")


def test_view_without_authenticators_skips_authentication(settings: Settings) -> None:
    users: list[object] = []

    def make_anonymous_user() -> object:
        users.append(object())
        return users[-1]

    # DRF calls this setting when it authenticates a request without credentials.
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "UNAUTHENTICATED_USER": make_anonymous_user,
    }

    class OpenViewSet(BaseViewSet):
        @public
        def list(self, request: Request) -> JSONResponse:
            return JSONResponse({})

    response = OpenViewSet.as_view({"get": "list"})(APIRequestFactory().get("/"))
    assert (response.status_code, users) == (200, [])


def test_view_keeps_the_attributes_used_by_instrumentation() -> None:
    views: list[ProtectedViewSet] = []

    class RecordingViewSet(ProtectedViewSet):
        def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
            views.append(self)
            super().initial(request, *args, **kwargs)

    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION="ada")
    response = RecordingViewSet.as_view({"get": "list"})(request, event_id="e")
    [view] = views
    assert (view.action, view.kwargs, view.response) == ("list", {"event_id": "e"}, response)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/reservations", ["GET", "POST", "HEAD", "OPTIONS"]),
        (
            f"/reservations/{UUID(int=7)}",
            ["GET", "DELETE", "HEAD", "OPTIONS"],
        ),
        ("/api/v1/bookings", ["GET", "POST", "HEAD", "OPTIONS"]),
        ("/api/v1/events", ["GET", "HEAD", "OPTIONS"]),
        ("/health", ["GET", "HEAD", "OPTIONS"]),
        ("/", ["GET", "HEAD", "OPTIONS"]),
    ],
    ids=["reservations", "reservation", "bookings", "events", "health", "home"],
)
def test_options_lists_the_allowed_methods_only(
    client: APIClient, path: str, methods: list[str]
) -> None:
    response = client.options(path)
    assert (response.status_code, response.json()) == (200, {"methods": methods})
    assert response["Allow"] == ", ".join(methods)


def test_failed_batch_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The caller that led the batch raises the cause itself; the others raise ``BatchFailed``."""
    cause = ValueError("a bug")
    followers = [BatchFailed() for _ in range(3)]
    for each in followers:
        each.__cause__ = cause
    responses = [exception_handler(error, {}) for error in (cause, *followers)]
    assert [response.status_code for response in responses] == [500] * 4
    assert [json.loads(each.content)["code"] for each in responses] == ["internal_error"] * 4
    assert len(caplog.records) == 1
