"""Requests that Django's views never see, given to the WSGI application."""

import io
import json
from typing import Any

import pytest

from ticketboss import wsgi
from ticketboss.serving.errors import ERROR, Disconnected, RequestError

# Django looks after its connections at the start and the end of each request.
pytestmark = pytest.mark.django_db(transaction=True)

KIB = 1024
Answer = tuple[int, dict[str, str], Any]


def call(environ: dict[str, Any], body: io.BytesIO | None = None) -> Answer:
    """Call the application; return the status, the headers and the JSON of its response."""
    started: list[Any] = []
    response = wsgi.application(
        {"wsgi.input": body or io.BytesIO(), "SERVER_NAME": "x", "SERVER_PORT": "80"} | environ,
        lambda status, headers, _error=None: started.extend([status, headers]),  # type: ignore[arg-type]
    )
    content = b"".join(response)
    return int(started[0][:3]), dict(started[1]), json.loads(content)


def post(path: str, length: int | None, **environ: str) -> Answer:
    """Send a body of ``length`` bytes; of as many as possible, in chunks, if it is None."""
    headers = {"CONTENT_LENGTH": str(length)} if length is not None else environ
    body = io.BytesIO(b" " * (2 * KIB * KIB if length is None else length))
    common = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "wsgi.url_scheme": "http"}
    host = {"HTTP_HOST": "localhost", "CONTENT_TYPE": "application/json"}
    return call(common | host | headers, body)


@pytest.mark.parametrize("path", ["/adminfoo", "/admin"])
def test_larger_bodies_are_for_the_admin_only(path: str) -> None:
    status, _, body = post(path, 64 * KIB + 1)
    assert (status, body["error"]) == (413, "Request body must be at most 65536 bytes")


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "invalid", "Bad request: why"),
        (408, "request_timeout", "Request timeout: why"),
        (413, "payload_too_large", "why"),
        (414, "uri_too_long", "URI too long: why"),
        (417, "expectation_failed", "Expectation failed: why"),
        (431, "request_header_fields_too_large", "Request headers too large: why"),
        (500, "internal_error", "Internal server error"),
        (501, "not_implemented", "Not implemented: why"),
        (503, "busy", "Server is too busy, please try again"),
    ],
)
def test_refusal_has_the_format_of_the_api(status: int, code: str, sentence: str) -> None:
    refused = {ERROR: RequestError(status, "why"), "HTTP_X_REQUEST_ID": "mine"}
    answer, headers, body = call(refused)
    assert (answer, body) == (status, {"error": sentence, "code": code})
    assert headers["X-Request-ID"] == "mine"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers.get("Retry-After") == ("1" if status == 503 else None)
    answer, _, body = call(refused | {"PATH_INFO": "/api/v1/bookings"})
    assert (answer, body["message"]) == (status, sentence)


@pytest.mark.parametrize("path", ["/reservations", "/health", "/nowhere", "/api/v1/bookings"])
@pytest.mark.parametrize("length", [64 * KIB + 1, None], ids=["sized", "chunked"])
def test_body_over_64_kib_is_refused_on_every_path(path: str, length: int | None) -> None:
    status, _, body = post(path, length, HTTP_TRANSFER_ENCODING="chunked")
    assert status == 413
    assert "at most 65536 bytes" in (body.get("message") or body["error"])


@pytest.mark.parametrize("length", [KIB * KIB + 1, None], ids=["sized", "chunked"])
def test_body_over_1_mib_is_refused_in_the_admin(length: int | None) -> None:
    status, _, body = post("/admin/login/", length, HTTP_TRANSFER_ENCODING="chunked")
    assert (status, body["error"]) == (413, "Request body must be at most 1048576 bytes")


def test_few_large_bodies_are_read_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = []

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            statuses.append(post("/admin/login/", KIB * KIB)[0])
            return super().read(size)

    monkeypatch.setattr(wsgi._large_bodies, "_value", 1)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/admin/", "CONTENT_LENGTH": str(KIB * KIB)}
    status, _, _ = call(environ | {"wsgi.url_scheme": "http"}, Slow(b" " * KIB * KIB))
    assert status != 503
    assert statuses == [503]


def test_error_of_the_client_while_the_body_is_read_is_answered() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise RequestError(408, "the body was not complete in time")

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/reservations", "CONTENT_LENGTH": "5"}
    assert call(environ, Broken())[0] == 408


def test_disconnect_while_the_body_is_read_gets_no_answer() -> None:
    class Lost(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise Disconnected

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/reservations", "CONTENT_LENGTH": "5"}
    with pytest.raises(Disconnected):
        call(environ, Lost())


def test_request_that_django_cannot_read_is_answered() -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/health", "wsgi.url_scheme": "http"}
    status, _, body = call(environ | {"CONTENT_TYPE": "text/plain; a*=x-unknown'en'%ff"})
    assert (status, body["error"]) == (400, "Bad request: the headers cannot be read")
