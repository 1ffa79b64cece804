"""Who may call what: every route and method, with every kind of credentials, in both modes."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.urls import URLResolver
from django.utils import timezone
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from reservations.access import tokens
from reservations.access.keys import set_active
from reservations.api import urls
from reservations.api.responses import JSONResponse
from reservations.api.views import BaseViewSet
from reservations.ledger import submit
from reservations.models import DEFAULT_EVENT, Event, Partner, Scope
from reservations.tests.api.client import post
from reservations.tests.factories import (
    PartnerFactory,
    booking_of,
    caller_of,
    forget_keys,
    issue,
    reservation_of,
)

pytestmark = pytest.mark.django_db

BODY = {"seats": 1}
ITEM = {"eventId": DEFAULT_EVENT, "quantity": 1}
BOOKING = {"customerEmail": "ada@example.com", "items": [ITEM]}


class Route(NamedTuple):
    """What a route needs, and the status of a successful call."""

    scope: Scope | None
    status: int = 200
    body: object = None
    about: str = ""
    """The kind of thing that the path names, which only its owner may see."""


READ, SELL = Scope.READ, Scope.SELL

ROUTES = {
    ("reservations", "GET"): Route(None),
    ("reservations", "POST"): Route(SELL, 201, BODY),
    ("reservation", "GET"): Route(READ, about="reservation"),
    ("reservation", "DELETE"): Route(SELL, 204, about="reservation"),
    ("confirm-reservation", "POST"): Route(SELL, about="hold"),
    ("health", "GET"): Route(None),
    ("ready", "GET"): Route(None),
    ("home", "GET"): Route(None),
    ("schema", "GET"): Route(None),
    ("docs", "GET"): Route(None),
    ("events", "GET"): Route(None),
    ("event", "GET"): Route(None),
    ("changes", "GET"): Route(None),
    ("me", "GET"): Route(READ),
    ("own-reservations", "GET"): Route(READ),
    ("bookings", "GET"): Route(READ),
    ("bookings", "POST"): Route(SELL, 201, BOOKING),
    ("booking", "GET"): Route(READ, about="booking"),
    ("cancel-booking", "POST"): Route(SELL, about="booking"),
}
"""A row for each route and method of the API. HEAD and OPTIONS are tested with GET."""


class Endpoint(NamedTuple):
    """A route of the URL configuration, and one of its methods."""

    name: str
    method: str
    path: str

    @property
    def route(self) -> Route:
        return ROUTES[self.name, self.method]

    @property
    def is_probe(self) -> bool:
        return self.name in {"health", "ready"}

    def error(self, code: str, message: str, **details: str) -> dict[str, str]:
        """Return the body of an error in the format of the endpoint's API."""
        if self.path.startswith("/api/v1"):
            return {"error": code.title(), "message": message, **details}
        return {"error": message, "code": code, **details}


def find_endpoints(patterns: list[Any], prefix: str = "/") -> Iterator[Endpoint]:
    for each in patterns:
        path = prefix + re.sub(r"\^|/\?\\Z", "", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from find_endpoints(each.url_patterns, path)
            continue
        view: Any = each.callback
        methods = getattr(view, "actions", None) or dir(view.cls)
        for method in {"get", "post", "put", "patch", "delete", "trace"} & set(methods):
            yield Endpoint(each.name, method.upper(), path)


ENDPOINTS = sorted(find_endpoints(urls.urlpatterns))
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: str(each[1:]))


def test_every_route_of_the_api_has_a_row() -> None:
    assert {(each.name, each.method) for each in ENDPOINTS} == ROUTES.keys()


class Api:
    """Calls endpoints about things that belong to ``owner``."""

    def __init__(self, client: APIClient, event: Event, owner: Partner) -> None:
        self.client, self.event, self.owner = client, event, owner
        self.caller = caller_of(owner)

    def call(self, endpoint: Endpoint, authorization: str | None, method: str = "") -> Any:
        """Call an endpoint about a new thing; ``method`` may be HEAD or OPTIONS."""
        about = endpoint.route.about
        pk = self.make(about) if about else None
        return self.call_about(pk, endpoint, authorization, method)

    def call_about(
        self, pk: object, endpoint: Endpoint, authorization: str | None, method: str = ""
    ) -> Any:
        headers = {} if authorization is None else {"authorization": authorization}
        path = re.sub(r"\(\?P<event_id>.*?\)", self.event.slug, endpoint.path)
        path = re.sub(r"\(\?P<.*?\)", str(pk), path)
        if (method or endpoint.method) == "POST":
            return post(self.client, path, endpoint.route.body, **headers)
        return self.client.generic(method or endpoint.method, path, headers=headers)

    def make(self, about: str) -> UUID:
        if about == "booking":
            return submit(booking_of(self.event, caller=self.caller)).id
        seconds = 60 if about == "hold" else None
        partner = self.owner.slug
        return submit(reservation_of(self.event, partner=partner, hold_seconds=seconds)).id


@pytest.fixture
def event(event: Event) -> Event:
    event.total_seats = event.available_seats = 1000
    event.save()
    return event


@pytest.fixture
def partner(db: None) -> Partner:
    return PartnerFactory.create(slug="abc-corp")


@pytest.fixture
def api(client: APIClient, event: Event, partner: Partner) -> Api:
    return Api(client, event, partner)


def bad_credentials(partner: Partner) -> dict[str, str]:
    """Return headers that contain no valid key, by what is wrong with them."""
    own, unknown = issue(partner), tokens.generate()
    long_ago = timezone.now() - timedelta(seconds=1)
    inactive = PartnerFactory.create()
    key_of_inactive = issue(inactive)
    set_active(slug=inactive.slug, active=False, by="test")
    return {
        "malformed": f"Bearer {str(own)[:-5]}",
        "empty": "Bearer ",
        "unknown": f"Bearer {unknown}",
        "wrong secret": f"Bearer {tokens.Token(own.id, unknown.secret)}",
        "revoked": f"Bearer {issue(partner, revoked=True)}",
        "expired": f"Bearer {issue(partner, expires_at=long_ago)}",
        "inactive partner": f"Bearer {key_of_inactive}",
        "two headers": f"Bearer {own},Bearer {own}",
        "two keys": f"Bearer {own} {own}",
        "other scheme": f"Basic {own}",
        "no scheme": f"{own}",
        "not ASCII": f"Bearer {own}\xe9",
        "long": f"Bearer {own}{'x' * 5000}",
    }


@every_endpoint
def test_bad_credentials_get_401_everywhere(keys: None, api: Api, endpoint: Endpoint) -> None:
    for kind, authorization in bad_credentials(api.owner).items():
        for method in ("", "OPTIONS", *(["HEAD"] if endpoint.method == "GET" else [])):
            response = api.call(endpoint, authorization, method)
            if endpoint.is_probe:
                assert response.status_code == 200
                continue
            assert_unauthorized(response, endpoint, f"{kind} {method}", ', error="invalid_token"')
            assert response["Cache-Control"] == "no-store"


def assert_unauthorized(response: Any, endpoint: Endpoint, kind: str, error: str) -> None:
    assert response.status_code == 401, kind
    assert response["WWW-Authenticate"] == f'Bearer realm="TicketBoss"{error}', kind
    if response.content:  # The response to HEAD has none.
        body = endpoint.error("unauthorized", "A valid API key is required")
        assert response.json() == body, kind


@every_endpoint
def test_without_a_key_only_public_routes_answer(keys: None, api: Api, endpoint: Endpoint) -> None:
    for session in (False, True):
        if session:
            api.client.force_login(User.objects.create_superuser("root"))
        response = api.call(endpoint, None)
        if endpoint.route.scope is None:
            assert response.status_code == endpoint.route.status
        else:
            assert_unauthorized(response, endpoint, f"staff session: {session}", "")


@every_endpoint
def test_key_needs_the_scope_of_the_route(keys: None, api: Api, endpoint: Endpoint) -> None:
    needed = endpoint.route.scope
    for scope in Scope:
        response = api.call(endpoint, f"Bearer {issue(api.owner, scope)}")
        if needed in {None, scope}:
            assert response.status_code == endpoint.route.status
            continue
        message = "The API key does not have the scope for this request"
        body = endpoint.error("forbidden", message, scope=str(needed))
        assert (response.status_code, response.json()) == (403, body)


@every_endpoint
def test_own_key_is_accepted(keys: None, api: Api, endpoint: Endpoint) -> None:
    for scheme in ("Bearer", "bearer", "BEARER "):
        response = api.call(endpoint, f"{scheme} {issue(api.owner)}")
        assert response.status_code == endpoint.route.status
        assert endpoint.is_probe or response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if each.method == "GET"], ids=lambda each: each.path
)
def test_head_gets_the_headers_of_get(keys: None, api: Api, endpoint: Endpoint) -> None:
    pk = api.make(endpoint.route.about) if endpoint.route.about else None
    for authorization in (f"Bearer {issue(api.owner)}", "Bearer wrong", None):
        get, head = (
            api.call_about(pk, endpoint, authorization, method) for method in ("GET", "HEAD")
        )
        assert (head.status_code, head.headers.keys()) == (get.status_code, get.headers.keys())
        for name in get.headers.keys() - {"X-Request-ID"}:
            assert head[name] == get[name], name


@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if each.route.about], ids=lambda each: str(each[1:])
)
def test_what_others_own_is_answered_like_what_does_not_exist(
    keys: None, api: Api, endpoint: Endpoint
) -> None:
    authorization = f"Bearer {issue(PartnerFactory.create())}"
    foreign = api.call(endpoint, authorization)
    unknown = api.call_about(uuid4(), endpoint, authorization)
    assert foreign.status_code == 404
    assert comparable(foreign) == comparable(unknown)
    assert api.event.changes.count() == 1  # only the one that made it


def comparable(response: Any) -> tuple[Any, ...]:
    headers = {name: value for name, value in response.items() if name != "X-Request-ID"}
    return response.status_code, response.content, headers


@every_endpoint
def test_open_api_ignores_credentials(api: Api, endpoint: Endpoint) -> None:
    status = endpoint.route.status
    if endpoint.name == "me":
        status = 404
    elif endpoint[:2] in {("reservations", "POST"), ("own-reservations", "GET")}:
        status = 400  # partnerId is missing.
    for authorization in (None, *bad_credentials(api.owner).values()):
        response = api.call(endpoint, authorization)
        assert response.status_code == status
        assert response.get("Cache-Control") != "no-store"


@pytest.mark.parametrize("mode", ["open", "keys"])
def test_action_without_a_declaration_is_refused(
    settings: Settings, partner: Partner, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.API_ACCESS = mode
    forget_keys()

    class UndeclaredViewSet(BaseViewSet):
        def list(self, request: Request) -> JSONResponse:
            return JSONResponse({})

    view = UndeclaredViewSet.as_view({"get": "list"})
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {issue(partner)}"})
    response = view(request)
    assert (response.status_code, b"forbidden" in response.content) == (403, True)
    assert "access_undeclared" in caplog.text


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_method_that_no_route_has_gets_405_without_a_key(
    keys: None, client: APIClient, method: str
) -> None:
    response = client.generic(method.upper(), "/api/v1/bookings")
    assert (response.status_code, response["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")
