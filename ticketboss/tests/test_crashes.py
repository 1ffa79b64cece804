"""Errors that are not the client's: 500 with a traceback in the log, or on the page with DEBUG."""

import io
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from reservations.api.permissions import public
from ticketboss import wsgi

BUGS = [
    'raise ImportError("a bug")',
    'raise ValueError("a bug")',
    'raise KeyError("a bug")',
    'b"\\xff".decode()',
    "import not_installed",
]


def call(path: str, **environ: str) -> tuple[int, str]:
    """Call the application; return the status and the body of its response."""
    statuses: list[str] = []
    request: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
    }
    response = wsgi.application(
        request | environ,
        lambda status, *_: statuses.append(status),  # type: ignore[arg-type]
    )
    return int(statuses[0][:3]), b"".join(response).decode()


@pytest.fixture
def broken_urls(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A URLconf whose import fails with the parameter."""
    name = f"urls_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(request.param)
    monkeypatch.syspath_prepend(tmp_path)
    settings.ROOT_URLCONF = name


def exception_of(record: logging.LogRecord) -> BaseException | None:
    """Return the exception of a log line, of Django's loggers or ours."""
    if record.exc_info:
        return record.exc_info[1]
    return record.msg.get("exc_info") if isinstance(record.msg, dict) else None


def assert_traceback_logged(caplog: pytest.LogCaptureFixture, part: str) -> None:
    [exception] = [found for record in caplog.records if (found := exception_of(record))]
    log = "".join(traceback.format_exception(exception))
    assert log.count("Traceback (most recent call last)") == 1
    assert part in log


@pytest.mark.parametrize("broken_urls", BUGS, indirect=True)
@pytest.mark.parametrize("path", ["/reservations", "/api/v1/events", "/admin/"])
def test_module_that_fails_to_import_is_a_logged_500(
    broken_urls: None, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, body = call(path)
    assert status == 500
    assert "a bug" not in body
    assert "Internal" in json.loads(body)["error"]
    assert_traceback_logged(caplog, "urls_test_module_that")


@pytest.mark.parametrize("broken_urls", BUGS, indirect=True)
def test_broken_module_is_shown_to_a_browser_with_debug(
    broken_urls: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = True
    status, body = call("/", HTTP_ACCEPT="text/html")
    assert status == 500
    assert "Traceback" in body
    assert "urls_test_broken_module" in body
    assert_traceback_logged(caplog, "urls_test_broken_module")


@pytest.mark.parametrize("error", [ImportError, ValueError, KeyError, UnicodeError])
@pytest.mark.parametrize(
    "target",
    [
        "reservations.api.home.HomeView.get",
        "ticketboss.middleware.https_redirect.HttpsRedirectMiddleware.process_request",
        "ticketboss.middleware.request_log._request_id",
    ],
)
def test_bug_in_django_is_a_logged_500(
    target: str,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("a bug")

    # Declared as public, because an action of the API that is not is refused.
    monkeypatch.setattr(target, public(fail))
    status, body = call("/")
    assert status == 500
    assert "a bug" not in body
    assert_traceback_logged(caplog, "a bug")


@pytest.mark.parametrize(
    ("path", "error"),
    [("/reservations", "Internal server error"), ("/api/v1/events", "InternalError")],
)
def test_bug_in_a_middleware_is_reported_as_the_api_does(
    path: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    limit = "ticketboss.middleware.concurrency_limit.ConcurrencyLimitMiddleware.__call__"
    monkeypatch.setattr(limit, fail)
    status, body = call(path)
    assert (status, json.loads(body)["error"]) == (500, error)
    status, page = call(path, HTTP_ACCEPT="text/html")
    assert (status, "<title>Server Error (500)</title>" in page) == (500, True)


def test_bug_in_an_api_view_is_shown_to_a_browser_with_debug(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("reservations.queries.get_event", fail)
    settings.DEBUG = True
    status, page = call("/reservations", HTTP_ACCEPT="text/html")
    assert (status, "a bug" in page, "Traceback" in page) == (500, True, True)
    status, body = call("/reservations")
    assert (status, json.loads(body)["code"]) == (500, "internal_error")
