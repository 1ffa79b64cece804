"""A server with production's settings, as a proxy and a browser see it."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from django.test import Client

from ticketboss.tests.programs import Serving

pytestmark = pytest.mark.slow

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def server(shared_home: Path) -> Iterator[Serving]:
    with Serving(
        shared_home,
        DJANGO_DEBUG="0",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="tickets.example",
        CORS_ALLOWED_ORIGINS=SHOP,
        SECURE_PROXY_SSL_HEADER="HTTP_X_SCHEME,https",
    ) as serving:
        yield serving


def ask(server: Serving, method: str, path: str, **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, path, headers=named)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


HTTPS = {"Host": "tickets.example", "X_Scheme": "https"}


def test_plain_http_is_sent_to_https(server: Serving) -> None:
    for headers in ({}, {"X_Scheme": "http"}, {"X_Forwarded_Proto": "http"}):
        answer = ask(server, "GET", "/reservations", Host="tickets.example", **headers)
        assert answer.status == 301
        assert answer.headers["Location"] == "https://tickets.example/reservations"


def test_other_methods_are_redirected_with_308(server: Serving) -> None:
    for method, path in (("POST", "/reservations"), ("DELETE", "/reservations/x")):
        answer = ask(server, method, path, Host="tickets.example")
        assert answer.status == 308
        assert answer.headers["Location"] == f"https://tickets.example{path}"


@pytest.mark.parametrize("header", ["X_Forwarded_Proto", "X_Scheme"])
def test_a_trusted_proxy_is_believed(server: Serving, header: str) -> None:
    answer = ask(server, "GET", "/reservations", Host="tickets.example", **{header: "https"})
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("path", ["/health", "/ready"])
@pytest.mark.parametrize("host", ["10.0.0.7:8000", "tickets.example", "evil.example", ""])
def test_a_probe_needs_neither_a_name_nor_https(server: Serving, path: str, host: str) -> None:
    assert ask(server, "GET", path, Host=host).status == 200


def test_another_host_is_refused(server: Serving) -> None:
    assert ask(server, "GET", "/reservations", Host="evil.example", X_Scheme="https").status == 400
    assert ask(server, "GET", "/metrics", Host="10.0.0.7").status == 404


def test_a_listed_origin_may_call_the_api(server: Serving) -> None:
    preflight = ask(
        server,
        "OPTIONS",
        "/reservations",
        **HTTPS,
        Origin=SHOP,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]
    answer = ask(server, "GET", "/reservations", **HTTPS, Origin=SHOP)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Access-Control-Allow-Credentials"] is None


@pytest.mark.parametrize(
    ("path", "origin"),
    [("/reservations", "https://evil.example"), ("/admin/login/", SHOP), ("/metrics", SHOP)],
)
def test_other_origins_may_not(server: Serving, path: str, origin: str) -> None:
    answer = ask(server, "GET", path, **HTTPS, Origin=origin)
    assert answer.headers["Access-Control-Allow-Origin"] is None


def test_pages_have_a_policy(server: Serving) -> None:
    page = ask(server, "GET", "/", **HTTPS, Accept="text/html")
    policy = page.headers["Content-Security-Policy"]
    assert page.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    docs = ask(server, "GET", "/api/docs", **HTTPS)
    assert docs.headers["Content-Security-Policy"] == policy
    login = ask(server, "GET", "/admin/login/", **HTTPS)
    directives = login.headers["Content-Security-Policy"].split("; ")
    assert "script-src 'self' 'unsafe-eval'" in directives
    for answer in (page, docs, login):
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer = ask(server, "GET", "/reservations", **HTTPS)
    assert answer.headers["Content-Security-Policy"] is None


def test_cookies_go_over_https_only(server: Serving) -> None:
    login = ask(server, "GET", "/admin/login/", **HTTPS)
    cookie = login.headers["Set-Cookie"]
    assert cookie.startswith("csrftoken=")
    assert "; Secure" in cookie
    assert "SameSite=Lax" in cookie


def test_static_files(server: Serving) -> None:
    for path in (
        "reservations/home.css",
        "reservations/admin.css",
        "unfold/css/styles.css",
        "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js",
    ):
        answer = ask(server, "GET", f"/static/{path}", **HTTPS)
        assert answer.status == 200, path
        assert "public" in answer.headers["Cache-Control"]


def test_every_request_is_a_line_of_json(server: Serving) -> None:
    ask(server, "GET", "/reservations?secret=1", **HTTPS, X_Request_ID="mine", X_Forwarded_For="a")
    lines = [json.loads(line) for line in re.findall(r"^{.*}$", server.output, re.MULTILINE)]
    [line] = [line for line in lines if line.get("request_id") == "mine"]
    assert {name: line[name] for name in ("event", "method", "path", "status", "client")} == {
        "event": "request",
        "method": "GET",
        "path": "/reservations",
        "status": 200,
        "client": "127.0.0.1",
    }
    assert line["forwarded_for"] == "a"
    assert line["milliseconds"] > 0


def test_only_named_proxies_are_believed(migrated_home: Path) -> None:
    with Serving(
        migrated_home,
        DJANGO_DEBUG="0",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="tickets.example",
        FORWARDED_ALLOW_IPS="10.9.8.7",
    ) as server:
        answer = ask(server, "GET", "/", Host="tickets.example", X_Forwarded_Proto="https")
        assert answer.status == 301


def test_cors_is_off_by_default(db: None) -> None:
    answer = Client().get("/health", headers={"origin": SHOP})
    assert "Access-Control-Allow-Origin" not in answer
