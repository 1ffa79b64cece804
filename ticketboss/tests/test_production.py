"""A server with production settings: https behind a proxy, hosts, CORS, headers and logs."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from django.test import Client

from reservations.tests.waiting import wait_until
from ticketboss.tests.programs import ServerProcess, free_port, metrics

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

SHOP = "https://shop.example"
METRICS = f"127.0.0.1:{free_port()}"
# What the client sent, its own address, and a proxy on the same machine.
CHAIN = "198.51.100.1, 192.0.2.7, 127.0.0.1"


@pytest.fixture(scope="module")
def server(shared_home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(
        shared_home,
        DJANGO_DEBUG="0",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="tickets.example",
        CORS_ALLOWED_ORIGINS=SHOP,
        SECURE_PROXY_SSL_HEADER="HTTP_X_SCHEME,https",
        METRICS_BIND=METRICS,
    ) as server:
        yield server


def send(
    server: ServerProcess, method: str, path: str, body: str | None = None, **headers: str
) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


HTTPS = {"Host": "tickets.example", "X_Scheme": "https"}


SALE = '{"partnerId": "abc-corp", "seats": 1}'


def test_sale_without_a_key_is_refused_by_default(server: ServerProcess) -> None:
    response = send(server, "POST", "/reservations", SALE, **HTTPS, Content_Type="application/json")
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="TicketBoss"'
    assert send(server, "GET", "/reservations", **HTTPS).status == 200
    assert "API_ACCESS" not in server.output


def test_production_without_keys_sells_but_warns_once(migrated_home: Path) -> None:
    with ServerProcess(
        migrated_home,
        DJANGO_DEBUG="0",
        API_ACCESS="open",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="127.0.0.1",
        SECURE_SSL_REDIRECT="0",
        WEB_CONCURRENCY="2",
    ) as server:
        assert server.reserve().status == 201
        lines = [json.loads(line) for line in re.findall(r"^{.*}$", server.output, re.MULTILINE)]
        [warning] = [line for line in lines if line["level"] == "warning"]
        assert warning["event"].startswith("API_ACCESS is open: everybody ")


def test_get_over_http_redirects_to_https_with_301(server: ServerProcess) -> None:
    for headers in ({}, {"X_Scheme": "http"}, {"X_Forwarded_Proto": "http"}):
        response = send(server, "GET", "/reservations", Host="tickets.example", **headers)
        assert response.status == 301
        assert response.headers["Location"] == "https://tickets.example/reservations"


def test_other_methods_over_http_redirect_with_308(server: ServerProcess) -> None:
    for method, path in (("POST", "/reservations"), ("DELETE", "/reservations/x")):
        response = send(server, method, path, Host="tickets.example")
        assert response.status == 308
        assert response.headers["Location"] == f"https://tickets.example{path}"


@pytest.mark.parametrize(
    ("header", "value"),
    [("Proto", "https"), ("Protocol", "ssl"), ("Protocol", "https"), ("Ssl", "on")],
)
def test_only_one_header_reports_the_scheme(server: ServerProcess, header: str, value: str) -> None:
    forwarded = {f"X_Forwarded_{header}": value}
    response = send(server, "GET", "/reservations", Host="tickets.example", **forwarded)
    assert response.status == 301
    assert send(server, "GET", "/reservations", **HTTPS, **forwarded).status == 200


def test_scheme_header_of_a_trusted_proxy_is_used(server: ServerProcess) -> None:
    response = send(server, "GET", "/reservations", **HTTPS)
    assert response.status == 200
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("path", ["/health", "/ready"])
@pytest.mark.parametrize(
    "host", ["10.0.0.7:8000", "tickets.example", "evil.example", pytest.param("", id="empty")]
)
def test_health_checks_accept_any_host_without_https(
    server: ServerProcess, path: str, host: str
) -> None:
    assert send(server, "GET", path, Host=host).status == 200


def test_unknown_host_is_rejected(server: ServerProcess) -> None:
    assert send(server, "GET", "/reservations", Host="evil.example", X_Scheme="https").status == 400


def test_metrics_are_not_on_the_public_port(server: ServerProcess) -> None:
    assert send(server, "GET", "/metrics", Host="10.0.0.7").status == 400
    assert send(server, "GET", "/metrics", **HTTPS).status == 404
    assert "ticketboss_pool_max" in metrics(METRICS)


def test_allowed_origin_can_call_the_api(server: ServerProcess) -> None:
    preflight = send(
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
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST"
    assert "content-type" in preflight.headers["Access-Control-Allow-Headers"]
    assert "authorization" not in preflight.headers["Access-Control-Allow-Headers"]
    response = send(server, "GET", "/reservations", **HTTPS, Origin=SHOP)
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Location" in response.headers["Access-Control-Expose-Headers"]
    assert response.headers["Access-Control-Allow-Credentials"] is None


@pytest.mark.parametrize(
    ("path", "origin"),
    [("/reservations", "https://evil.example"), ("/admin/login/", SHOP)],
)
def test_cors_is_limited_to_listed_origins_and_the_api(
    server: ServerProcess, path: str, origin: str
) -> None:
    response = send(server, "GET", path, **HTTPS, Origin=origin)
    assert response.headers["Access-Control-Allow-Origin"] is None


def test_pages_have_a_content_security_policy(server: ServerProcess) -> None:
    page = send(server, "GET", "/", **HTTPS, Accept="text/html")
    policy = page.headers["Content-Security-Policy"]
    assert page.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    docs = send(server, "GET", "/api/docs", **HTTPS)
    assert docs.headers["Content-Security-Policy"] == policy
    login = send(server, "GET", "/admin/login/", **HTTPS)
    directives = login.headers["Content-Security-Policy"].split("; ")
    assert "script-src 'self' 'unsafe-eval'" in directives
    for response in (page, docs, login):
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    response = send(server, "GET", "/reservations", **HTTPS)
    assert response.headers["Content-Security-Policy"] is None


def test_cookies_are_sent_over_https_only(server: ServerProcess) -> None:
    login = send(server, "GET", "/admin/login/", **HTTPS)
    cookie = login.headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrftoken=")
    assert "; Path=/;" in cookie
    assert "Domain" not in cookie
    assert "; Secure" in cookie
    assert "SameSite=Lax" in cookie


def test_static_files_are_served_and_cacheable(server: ServerProcess) -> None:
    for path in (
        "reservations/home.css",
        "reservations/admin.css",
        "unfold/css/styles.css",
        "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js",
    ):
        response = send(server, "GET", f"/static/{path}", **HTTPS)
        assert response.status == 200, path
        assert "public" in response.headers["Cache-Control"]


def test_each_request_is_logged_as_one_json_line(server: ServerProcess) -> None:
    send(
        server, "GET", "/reservations?secret=1", **HTTPS, X_Request_ID="mine", X_Forwarded_For=CHAIN
    )
    lines = [json.loads(line) for line in re.findall(r"^{.*}$", server.output, re.MULTILINE)]
    [line] = [line for line in lines if line.get("request_id") == "mine"]
    assert {name: line[name] for name in ("event", "method", "path", "status", "client")} == {
        "event": "request",
        "method": "GET",
        "path": "/reservations",
        "status": 200,
        "client": "192.0.2.7",
    }
    assert line["milliseconds"] > 0


def test_headers_of_other_proxies_are_ignored(migrated_home: Path) -> None:
    with ServerProcess(
        migrated_home,
        DJANGO_DEBUG="0",
        SECRET_KEY="0123456789" * 5,
        ALLOWED_HOSTS="tickets.example",
        FORWARDED_ALLOW_IPS="10.9.8.7",
        SECURE_PROXY_SSL_HEADER="HTTP_X_SCHEME,https",
    ) as server:
        response = send(server, "GET", "/", **HTTPS, X_Forwarded_For=CHAIN)
        assert response.status == 301
        wait_until(lambda: '"client":"127.0.0.1"' in server.output)
        assert "192.0.2.7" not in server.output


def test_cors_is_off_by_default(db: None) -> None:
    response = Client().get("/health", headers={"origin": SHOP})
    assert "Access-Control-Allow-Origin" not in response
