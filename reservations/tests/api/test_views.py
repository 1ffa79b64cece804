"""What a view inherits from DRF: authentication, permissions, throttles, OPTIONS."""

import json
from typing import Any
from uuid import UUID

import pytest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.throttling import BaseThrottle

from reservations.api.responses import JSONResponse
from reservations.api.views import BaseViewSet


class Tokens(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        sent = request.META.get("HTTP_AUTHORIZATION")
        if sent == "bad":
            raise AuthenticationFailed("No such token")
        return (object(), sent) if sent else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="test"'


class Named(BasePermission):
    message = "Names only"

    def has_permission(self, request: Request, view: object) -> bool:
        return request.user is not None


class NotTwice(BaseThrottle):
    def allow_request(self, request: Request, view: object) -> bool:
        return request.auth != "twice"

    def wait(self) -> float:
        return 6.2


class Guarded(BaseViewSet):
    authentication_classes = (Tokens,)
    permission_classes = (Named,)
    throttle_classes = (NotTwice,)

    def list(self, request: Request) -> JSONResponse:
        return JSONResponse({"name": request.auth})


def ask(**headers: str) -> tuple[int, Any, Any]:
    request = APIRequestFactory().get("/", **headers)  # type: ignore[arg-type]
    answer = Guarded.as_view({"get": "list"})(request)
    return answer.status_code, json.loads(answer.content), answer


def test_a_view_knows_who_is_authenticated() -> None:
    assert ask(HTTP_AUTHORIZATION="ada")[:2] == (200, {"name": "ada"})


@pytest.mark.parametrize(
    ("headers", "error", "code"),
    [
        ({"HTTP_AUTHORIZATION": "bad"}, "No such token", "authentication_failed"),
        ({}, "Authentication credentials were not provided.", "not_authenticated"),
    ],
)
def test_without_credentials_the_answer_says_which(
    headers: dict[str, str], error: str, code: str
) -> None:
    status, body, answer = ask(**headers)
    assert (status, body) == (401, {"error": error, "code": code})
    assert answer["WWW-Authenticate"] == 'Bearer realm="test"'


def test_a_throttled_request_is_told_when_to_return() -> None:
    status, body, answer = ask(HTTP_AUTHORIZATION="twice")
    assert (status, body["code"], answer["Retry-After"]) == (429, "throttled", "7")


def test_a_view_without_hooks_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []
    monkeypatch.setattr(Request, "_authenticate", asked.append)

    class Open(BaseViewSet):
        def list(self, request: Request) -> JSONResponse:
            return JSONResponse({})

    answer = Open.as_view({"get": "list"})(APIRequestFactory().get("/"))
    assert (answer.status_code, asked) == (200, [])


def test_instrumentation_can_read_the_view_afterwards() -> None:
    seen: list[Guarded] = []

    class Watched(Guarded):
        def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
            seen.append(self)
            super().initial(request, *args, **kwargs)

    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION="ada")
    answer = Watched.as_view({"get": "list"})(request, event_id="e")
    [view] = seen
    assert (view.action, view.kwargs, view.response) == ("list", {"event_id": "e"}, answer)


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
)
def test_options_tells_the_methods_and_nothing_else(
    client: APIClient, path: str, methods: list[str]
) -> None:
    answer = client.options(path)
    assert (answer.status_code, answer.json()) == (200, {"methods": methods})
    assert answer["Allow"] == ", ".join(methods)
