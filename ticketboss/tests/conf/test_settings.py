"""Settings: documented names and defaults, validation, and derived Django settings."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from ticketboss.tests.programs import PATH, ROOT

PRODUCTION = {"DJANGO_DEBUG": "0", "SECRET_KEY": "x", "ALLOWED_HOSTS": "tickets.example"}
PRINT_SETTINGS = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""
# Ignores a developer's .env file, so that only defaults and the given variables count.
PRINT_VARIABLES = """
import environs, json
environs.FileAwareEnv.read_env = lambda *args, **kwargs: False
from ticketboss.settings import env
print(json.dumps(env.dump()))
"""


def run(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program with these environment variables and no others."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={"PATH": PATH, "DJANGO_SETTINGS_MODULE": "ticketboss.settings", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def read(*names: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Print these settings as JSON in a new process."""
    return run(PRINT_SETTINGS, *names, **variables)


def parsed_variables(**variables: str) -> dict[str, Any]:
    """Return every variable that the settings read, with its parsed value or default."""
    done = run(PRINT_VARIABLES, **variables)
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    # The settings make a relative path absolute after they have parsed it.
    values["TICKETBOSS_HOME"] = str(ROOT / values["TICKETBOSS_HOME"])
    return values


def names_read() -> set[str]:
    return parsed_variables().keys() | parsed_variables(**PRODUCTION).keys()


def example() -> dict[str, str]:
    """Return the variables in .env.example, which are all commented out."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^# ?(\w+)=(.*)$", text, re.MULTILINE))


def documented() -> list[tuple[str, str]]:
    """Return the name and the default of each row in docs/settings.md."""
    text = (ROOT / "docs" / "settings.md").read_text()
    return re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE)


def documented_literals(mode: str) -> dict[str, str]:
    """Return the literal defaults in docs/settings.md that apply to ``mode``.

    ``mode`` is "development" or "production".
    """
    return {
        name: value
        for name, default in documented()
        for value, condition in re.findall(r"`([^`]+)`(?: in (\w+))?", default)
        if condition in {"", mode}
    }


def test_env_example_lists_every_variable() -> None:
    assert example().keys() == names_read()


def test_env_example_contains_the_defaults() -> None:
    assert parsed_variables(**example()) == parsed_variables()


def test_settings_docs_list_every_variable_once() -> None:
    names = [name for name, _ in documented()]
    assert sorted(names) == sorted(names_read())


@pytest.mark.parametrize(
    ("mode", "required"),
    [("development", {}), ("production", PRODUCTION)],
    ids=["development", "production"],
)
def test_settings_docs_contain_the_defaults(mode: str, required: dict[str, str]) -> None:
    literals = documented_literals(mode)
    assert {"PORT", "EMAIL_URL"} <= literals.keys()
    assert parsed_variables(**(literals | required)) == parsed_variables(**required)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "eighty", "Not a valid integer"),
        ("TICKETBOSS_HOME", "", "minimum length"),
        ("WORKER_CLASS", "sync", "one of: ticketboss, gevent"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("DJANGO_DEBUG", "maybe", "Not a valid boolean"),
        ("LOG_LEVEL", "LOUD", "Must be one of: DEBUG"),
        ("COMMIT_TIMEOUT", "0", "greater than or equal to 0.1"),
        ("DATABASE_POOL_SIZE", "", "Not a valid integer"),
        ("GROUP_COMMIT", "maybe", "Not a valid boolean"),
        ("GROUP_COMMIT_MAX_BATCH", "0", "greater than or equal to 1"),
        ("GROUP_COMMIT_MAX_QUEUE", "0", "greater than or equal to 1"),
        ("MAX_CONCURRENT_REQUESTS", "many", "Not a valid integer"),
        ("REQUEST_TIMEOUT", "0", "greater than or equal to 0.3"),
        ("WORKER_CONNECTIONS", "0", "greater than or equal to 1"),
        ("DATABASE_URL", "nonsense", "Not a valid database URL"),
        ("DATABASE_URL", "sqlite:///db.sqlite3", "must name a PostgreSQL database"),
        ("SECRET_KEY_FILE", "/nonexistent", "must be a readable file"),
        ("ALLOWED_HOSTS", "https://tickets.example", "without https://"),
        ("ALLOWED_HOSTS", "tickets.example:8000", "without https:// or a port"),
        ("ALLOWED_HOSTS", "a b", "names like tickets.example"),
        ("ALLOWED_HOSTS", ",", "names like tickets.example"),
        ("FORWARDED_ALLOW_IPS", "proxy", "addresses or networks like 10.0.0.0/8"),
        ("SECURE_HSTS_SECONDS", "-1", "greater than or equal to 0"),
        ("DATABASE_URL", "postgresql://", "must name a PostgreSQL database"),
        ("CORS_ALLOWED_ORIGINS", "shop.example", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example/", "without a path"),
        ("CSRF_TRUSTED_ORIGINS", "box.example", "origins like https://shop.example"),
        ("METRICS_ALLOWED_IPS", "10.0.0.1/8", "addresses or networks like 10.0.0.0/8"),
        ("METRICS_ALLOWED_IPS", "localhost", "addresses or networks like 10.0.0.0/8"),
        ("EMAIL_URL", "", "Must begin with smtp://"),
        ("EMAIL_URL", "mail.example", "Must begin with smtp://"),
        ("EMAIL_URL", "smtps://mail.example", "Must begin with smtp://"),
        ("EMAIL_URL", "submission://", "Must name a server"),
        ("EMAIL_URL", "smtp://", "Must name a server"),
        ("EMAIL_URL", "smtp://mail.example?tls=maybe", "must be ?tls=1 or ?ssl=1"),
        ("EMAIL_URL", "smtp://mail.example?tsl=1", "must be ?tls=1 or ?ssl=1"),
        ("EMAIL_URL", "smtp://mail.example?tls=1&ssl=1", "must be ?tls=1 or ?ssl=1"),
        ("EMAIL_URL", "smtp://mail.example:smtp", "Not a valid email URL"),
        ("EMAIL_FROM", "TicketBoss", "Must be an e-mail address"),
        ("IDEMPOTENCY_RETENTION_HOURS", "23", "greater than or equal to 24"),
        ("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO,https"),
        ("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto,https", "HTTP_X_FORWARDED_PROTO,https"),
    ],
)
def test_error_for_an_invalid_value_names_the_variable(
    name: str, value: str, expected: str
) -> None:
    with patch.dict(os.environ, {name: value}, clear=True), pytest.raises(SystemExit) as exit_info:
        runpy.run_path(str(ROOT / "ticketboss" / "settings.py"))
    reason = str(exit_info.value)
    assert reason.startswith("TicketBoss cannot start: ")
    assert len(reason.splitlines()) == 1
    assert name in reason
    assert expected in reason


@pytest.mark.parametrize("suffix", ["", "_FILE"], ids=["value", "file"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MAX_REQUESTS", "MAX_CONCURRENT_REQUESTS"),
        ("WEB_CONNECTIONS", "WORKER_CONNECTIONS"),
        ("MAX_BATCH", "GROUP_COMMIT_MAX_BATCH"),
        ("MAX_QUEUE", "GROUP_COMMIT_MAX_QUEUE"),
    ],
)
def test_renamed_variable_is_rejected_with_new_name(old: str, new: str, suffix: str) -> None:
    values = {old + suffix: "1", new: "1"}
    with patch.dict(os.environ, values, clear=True), pytest.raises(SystemExit) as exit_info:
        runpy.run_path(str(ROOT / "ticketboss" / "settings.py"))
    assert str(exit_info.value) == f"TicketBoss cannot start: {old} is now called {new}: rename it"


@pytest.mark.parametrize(
    "name",
    [
        "QUEUE_TIMEOUT",
        "GROUP_COMMIT_QUEUE_TIMEOUT",
        "DATABASE_POOL_TIMEOUT",
        "LOCK_TIMEOUT",
        "STATEMENT_TIMEOUT",
    ],
)
def test_variable_that_was_replaced_is_rejected(name: str) -> None:
    with patch.dict(os.environ, {name: "1"}, clear=True), pytest.raises(SystemExit) as exit_info:
        runpy.run_path(str(ROOT / "ticketboss" / "settings.py"))
    assert str(exit_info.value) == (
        f"TicketBoss cannot start: {name} no longer exists: remove it, and set REQUEST_TIMEOUT "
        "if its default does not fit"
    )


def test_settings_error_is_printed_as_one_line() -> None:
    done = read("DEBUG", PORT="eighty")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("TicketBoss cannot start: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://me:pa55word@host:port/x"),
        ("EMAIL_URL", "smtp://me:pa55word@host:port"),
        ("EMAIL_URL", "http://me:pa55word@host"),
    ],
)
def test_invalid_url_error_does_not_show_password(name: str, value: str) -> None:
    done = read("DEBUG", **{name: value})
    assert done.returncode == 1
    assert "pa55word" not in done.stderr


def test_production_settings_are_parsed_and_secure(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret from a file\n")
    done = read(
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "SECURE_SSL_REDIRECT",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS",
        "CORS_ALLOWED_ORIGINS",
        "METRICS_ALLOWED_IPS",
        DJANGO_DEBUG="0",
        SECRET_KEY_FILE=str(tmp_path / "key"),
        CORS_ALLOWED_ORIGINS="https://a.example, http://b.example:81",
        METRICS_ALLOWED_IPS="10.0.0.0/8, ::1",
        ALLOWED_HOSTS="a.example, b.example",
    )
    assert done.stdout == (
        '{"SECRET_KEY": "secret from a file", "ALLOWED_HOSTS": ["a.example", "b.example"], '
        '"SECURE_SSL_REDIRECT": true, "SESSION_COOKIE_SECURE": true, '
        '"CSRF_COOKIE_SECURE": true, "SECURE_HSTS_SECONDS": 31536000, '
        '"CORS_ALLOWED_ORIGINS": ["https://a.example", "http://b.example:81"], '
        '"METRICS_ALLOWED_IPS": ["10.0.0.0/8", "::1/128"]}\n'
    )


def test_database_url_options_are_kept() -> None:
    done = read(
        "DATABASES",
        DATABASE_URL="postgresql://me@db.example:6432/tickets?sslmode=verify-full"
        "&options=-c%20search_path%3Dother",
        DATABASE_POOL_SIZE="3",
    )
    for part in (
        '"HOST": "db.example"',
        '"sslmode": "verify-full"',
        "-c statement_timeout=8000ms",
        "-c search_path=other",
        '"max_size": 3',
    ):
        assert part in done.stdout


@pytest.mark.parametrize(
    ("values", "backend"),
    [({}, "console"), (PRODUCTION, "dummy")],
    ids=["development", "production"],
)
def test_without_mail_server_mails_are_printed_or_dropped(
    values: dict[str, str], backend: str
) -> None:
    done = read("EMAIL_BACKEND", **values)
    assert f"django.core.mail.backends.{backend}.EmailBackend" in done.stdout


def test_email_url_sets_mail_server_settings() -> None:
    done = read(
        "EMAIL_HOST",
        "EMAIL_PORT",
        "EMAIL_HOST_USER",
        "EMAIL_HOST_PASSWORD",
        "EMAIL_USE_TLS",
        "EMAIL_TIMEOUT",
        "DEFAULT_FROM_EMAIL",
        EMAIL_URL="submission://me:p%40ss@mail.example",
        EMAIL_FROM="Box office <box@shop.example>",
    )
    assert done.stdout == (
        '{"EMAIL_HOST": "mail.example", "EMAIL_PORT": 587, "EMAIL_HOST_USER": "me", '
        '"EMAIL_HOST_PASSWORD": "p@ss", "EMAIL_USE_TLS": true, "EMAIL_TIMEOUT": 10, '
        '"DEFAULT_FROM_EMAIL": "Box office <box@shop.example>"}\n'
    )
