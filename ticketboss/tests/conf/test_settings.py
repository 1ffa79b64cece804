"""Settings: documented names and defaults, validation, and derived Django settings."""

import json
import os
import re
import runpy
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from dotenv import dotenv_values

from ticketboss.conf.risks import RISKS
from ticketboss.tests.programs import PATH, ROOT

PRODUCTION = {
    "DJANGO_DEBUG": "0",
    "SECRET_KEY": "0123456789" * 5,
    "ALLOWED_HOSTS": "tickets.example",
}
REMOTE = "postgresql://me@db.example/tickets"
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


def loaded(variables: dict[str, str]) -> dict[str, Any]:
    """Return the settings, read in this process from these variables alone, without .env."""
    with (
        patch.dict(os.environ, variables, clear=True),
        patch("environs.FileAwareEnv.read_env"),
    ):
        found = runpy.run_path(str(ROOT / "ticketboss" / "settings.py"))
    return {name: value for name, value in found.items() if name.isupper() and name != "LOGGING"}


def refusal(variables: dict[str, str]) -> str:
    """Return why the settings are refused, or "" if they are not."""
    try:
        loaded(variables)
    except SystemExit as exit_info:
        return str(exit_info)
    return ""


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
        ("TICKETBOSS_HOME", "a\nb", "Must not contain line breaks"),
        ("TICKETBOSS_HOME", "a\x9bb", "Must not contain line breaks"),
        ("TICKETBOSS_HOME", "a\udcffb", "invalid UTF-8"),
        ("TICKETBOSS_HOME", "/dev/null", "Must be a folder, not a file"),
        ("TICKETBOSS_HOME", "/dev/null/x", "Must be a folder that can be created: Not a dir"),
        ("TICKETBOSS_HOME", "x" * 5000, "Must be a folder that can be created: File name too"),
        ("WORKER_CLASS", "sync", "one of: ticketboss, gevent"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("DJANGO_DEBUG", "maybe", "Not a valid boolean"),
        ("API_ACCESS", "public", "Must be one of: open, keys"),
        ("API_ACCESS", "Keys", "Must be one of: open, keys"),
        ("LOG_LEVEL", "LOUD", "Must be one of: DEBUG"),
        ("COMMIT_TIMEOUT", "0", "greater than or equal to 0.1"),
        ("GROUP_COMMIT", "maybe", "Not a valid boolean"),
        ("GROUP_COMMIT_MAX_BATCH", "0", "greater than or equal to 1"),
        ("GROUP_COMMIT_MAX_QUEUE", "0", "greater than or equal to 1"),
        ("MAX_CONCURRENT_REQUESTS", "many", "Not a valid integer"),
        ("REQUEST_TIMEOUT", "0", "greater than or equal to 0.3"),
        ("WORKER_CONNECTIONS", "0", "greater than or equal to 1"),
        ("DATABASE_URL", "nonsense", "Not a valid database URL"),
        ("DATABASE_URL", "sqlite:///db.sqlite3", "must name a PostgreSQL database"),
        ("SECRET_KEY_FILE", "/nonexistent", "must be a readable file"),
        ("SECRET_KEY_FILE", "/", "must be a readable file"),
        ("SECRET_KEY_FILE", "x" * 5000, "must be a readable file"),
        ("SECRET_KEY_FILE", sys.executable, "must be a readable file"),
        ("ALLOWED_HOSTS", "https://tickets.example", "without https://"),
        ("ALLOWED_HOSTS", "tickets.example:8000", "without https://, a port"),
        ("ALLOWED_HOSTS", "a b", "names like tickets.example"),
        ("ALLOWED_HOSTS", ",", "names like tickets.example"),
        ("ALLOWED_HOSTS", "*.tickets.example", "names like tickets.example"),
        ("ALLOWED_HOSTS", "::1", "[2001:db8::1]"),
        ("ALLOWED_HOSTS", "[::x]", "[2001:db8::1]"),
        ("ALLOWED_HOSTS", "192.0.2.256", "addresses like 192.0.2.1"),
        ("ALLOWED_HOSTS", "..", "names like tickets.example"),
        ("ALLOWED_HOSTS", "b\u00fccher..example", "names like tickets.example"),
        ("ALLOWED_HOSTS", "a_b", "without https://, a port or underscores"),
        ("ALLOWED_HOSTS", "xn--.example", "names like tickets.example"),
        ("ALLOWED_HOSTS", "xn--abc.example", "names like tickets.example"),
        ("ALLOWED_HOSTS", "-a.example", "names like tickets.example"),
        ("ALLOWED_HOSTS", "a.b-", "names like tickets.example"),
        ("ALLOWED_HOSTS", "x" * 64, "names like tickets.example"),
        ("ALLOWED_HOSTS", "x." * 127 + "x", "names like tickets.example"),
        ("ALLOWED_HOSTS", "tickets.example..", "names like tickets.example"),
        ("ALLOWED_HOSTS", "0x7f", "addresses like 192.0.2.1"),
        ("ALLOWED_HOSTS", ".192.0.2.1", "addresses like 192.0.2.1"),
        ("ALLOWED_HOSTS", ".[::1]", "[2001:db8::1]"),
        ("ALLOWED_HOSTS", "[fe80::1%eth0]", "[2001:db8::1]"),
        ("FORWARDED_ALLOW_IPS", "proxy", "addresses or networks like 10.0.0.0/8"),
        ("SECURE_HSTS_SECONDS", "-1", "greater than or equal to 0"),
        ("DATABASE_URL", "postgresql://", "must name a PostgreSQL database"),
        ("CORS_ALLOWED_ORIGINS", "shop.example", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example/", "without a path"),
        ("CORS_ALLOWED_ORIGINS", "https://*.shop.example", "without a path, *"),
        ("CORS_ALLOWED_ORIGINS", "https://me@shop.example", "user name"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example:x", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example:65536", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example:0", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example:\uff18", "origins like"),
        ("CORS_ALLOWED_ORIGINS", "https://xn--.example", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "null", "origins like https://shop.example"),
        ("CORS_ALLOWED_ORIGINS", "ftp://shop.example", "origins like https://shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "box.example", "origins like https://shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://a.*.example", "https://*.shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://*", "https://*.shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://*.192.0.2.1", "https://*.shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://-a-.example", "https://*.shop.example"),
        ("CSRF_TRUSTED_ORIGINS", "https://shop.example:99999", "https://*.shop.example"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8", "addresses or networks like 10.0.0.0/8"),
        ("METRICS_ALLOWED_IPS", "10.0.0.0/8", "no longer exists: set METRICS_BIND"),
        ("QUEUE_TIMEOUT", "3", "no longer exists: remove it, and set REQUEST_TIMEOUT"),
        ("GROUP_COMMIT_QUEUE_TIMEOUT", "3", "no longer exists: remove it, and set REQUEST_TIMEOUT"),
        ("DATABASE_POOL_TIMEOUT", "3", "no longer exists: remove it, and set REQUEST_TIMEOUT"),
        ("LOCK_TIMEOUT", "3", "no longer exists: remove it, and set REQUEST_TIMEOUT"),
        ("STATEMENT_TIMEOUT", "10", "no longer exists: remove it, and set REQUEST_TIMEOUT"),
        ("METRICS_BIND", "9100", "like 127.0.0.1:9100"),
        ("METRICS_BIND", "localhost:9100", "like 127.0.0.1:9100"),
        ("METRICS_BIND", "::1:9100", "like 127.0.0.1:9100"),
        ("METRICS_BIND", "127.0.0.1:65536", "like 127.0.0.1:9100"),
        ("METRICS_BIND", "127.0.0.1:8000", "another port than PORT"),
        ("ALLOW_INSECURE", "everything", "was not in: weak_secret_key"),
        ("EMAIL_URL", "mail.example", "Must begin with smtp://"),
        ("EMAIL_URL", "smtps://mail.example", "Must begin with smtp://"),
        ("EMAIL_URL", "submission://", "Must name a server"),
        ("EMAIL_URL", "smtp://", "Must name a server"),
        ("EMAIL_URL", "smtp://mail.example?tls=maybe", "must be ?tls=1 or ?ssl=1"),
        ("EMAIL_URL", "smtp://mail.example?tsl=1", "must be ?tls=1 or ?ssl=1"),
        ("EMAIL_URL", "smtp://mail.example?tls=1&ssl=1", "must be ?tls=1 or ?ssl=1"),
        ("EMAIL_URL", "smtp://mail.example:smtp", "Not a valid email URL"),
        ("EMAIL_URL", "smtp://[mail.example", "Must be a URL like smtp://"),
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


@pytest.mark.parametrize("in_file", [False, True], ids=["value", "file"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("MAX_REQUESTS", "MAX_CONCURRENT_REQUESTS"),
        ("WEB_CONNECTIONS", "WORKER_CONNECTIONS"),
        ("MAX_BATCH", "GROUP_COMMIT_MAX_BATCH"),
        ("MAX_QUEUE", "GROUP_COMMIT_MAX_QUEUE"),
    ],
)
def test_renamed_variable_is_rejected_with_new_name(
    old: str, new: str, in_file: bool, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text("1")
    values = {f"{old}_FILE": str(tmp_path / "value")} if in_file else {old: "1"}
    reason = refusal(values | {new: "1"})
    assert reason == f"TicketBoss cannot start: {old} is now called {new}: rename it"


@pytest.mark.parametrize("line", [f"{name}={value}" for name, value in example().items()])
@pytest.mark.parametrize("mode", [{}, PRODUCTION], ids=["development", "production"])
def test_each_line_of_env_example_starts(line: str, mode: dict[str, str]) -> None:
    variables = {name: value or "" for name, value in dotenv_values(stream=StringIO(line)).items()}
    reason = refusal(mode | variables)
    missing = {"SECRET_KEY", "ALLOWED_HOSTS"} & variables.keys()
    if mode and missing:
        assert reason.startswith(f"TicketBoss cannot start: {missing.pop()} must be set")
    else:
        assert not reason


def test_all_lines_of_env_example_start_together() -> None:
    assert not refusal(example())


@pytest.mark.parametrize("blank", ["", " ", "\t\n"], ids=repr)
def test_blank_value_counts_as_not_set(blank: str, tmp_path: Path) -> None:
    (tmp_path / "blank").write_text(blank)
    files = {f"{name}_FILE": str(tmp_path / "blank") for name in example()}
    no_files = {f"{name}_FILE": blank for name in example()}
    old_names = dict.fromkeys(["MAX_BATCH", "METRICS_ALLOWED_IPS"], blank)
    for variables in (dict.fromkeys(example(), blank), files, no_files, old_names):
        assert loaded(variables) == loaded({})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ALLOWED_HOSTS", "B\u00fccher.example", ["xn--bcher-kva.example"]),
        ("ALLOWED_HOSTS", "stra\u00dfe.example,a-b", ["xn--strae-oqa.example", "a-b"]),
        ("ALLOWED_HOSTS", "tickets.example.,.SHOP.example", ["tickets.example", ".shop.example"]),
        ("ALLOWED_HOSTS", "[0:0::1],192.0.2.1", ["[::1]", "192.0.2.1"]),
        ("ALLOWED_HOSTS", "xn--ls8h.la,XN--Zca.example", ["xn--ls8h.la", "xn--zca.example"]),
        ("CORS_ALLOWED_ORIGINS", "https://SHOP.example", ["https://shop.example"]),
        ("CORS_ALLOWED_ORIGINS", "https://shop.example.:0443", ["https://shop.example"]),
        ("CORS_ALLOWED_ORIGINS", "https://a_b", ["https://a_b"]),
        ("CORS_ALLOWED_ORIGINS", "HTTPS://b\u00fccher.example", ["https://xn--bcher-kva.example"]),
        ("CORS_ALLOWED_ORIGINS", "http://a:80,http://a:443", ["http://a", "http://a:443"]),
        ("CORS_ALLOWED_ORIGINS", "https://[::0:1]:8443", ["https://[::1]:8443"]),
        ("CSRF_TRUSTED_ORIGINS", "https://*.SHOP.example:443", ["https://*.shop.example"]),
    ],
)
def test_hosts_and_origins_are_those_that_browsers_send(
    name: str, value: str, expected: list[str]
) -> None:
    assert loaded({name: value})[name] == expected


@pytest.mark.parametrize(
    ("mode", "value", "access"),
    [
        ({}, {}, "open"),
        (PRODUCTION, {}, "keys"),
        (PRODUCTION, {"API_ACCESS": " "}, "keys"),
        ({}, {"API_ACCESS": "keys"}, "keys"),
        (PRODUCTION, {"API_ACCESS": "open"}, "open"),
    ],
)
def test_production_requires_keys_unless_it_is_set_to_open(
    mode: dict[str, str], value: dict[str, str], access: str
) -> None:
    assert loaded(mode | value)["API_ACCESS"] == access


PUBLISHED_KEY = "only-for-this-check-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("risk", "name", "variables"),
    [
        ("weak_secret_key", "SECRET_KEY", PRODUCTION | {"SECRET_KEY": "x"}),
        ("weak_secret_key", "SECRET_KEY", PRODUCTION | {"SECRET_KEY": "x" * 60}),
        ("weak_secret_key", "SECRET_KEY", PRODUCTION | {"SECRET_KEY": "only-for-development"}),
        ("weak_secret_key", "SECRET_KEY", PRODUCTION | {"SECRET_KEY": PUBLISHED_KEY}),
        ("any_host", "ALLOWED_HOSTS", PRODUCTION | {"ALLOWED_HOSTS": "*"}),
        ("any_host", "ALLOWED_HOSTS", PRODUCTION | {"ALLOWED_HOSTS": "a.example, *"}),
        ("public_debug", "HOST", {"HOST": "0.0.0.0"}),
        ("public_debug", "HOST", {"HOST": "::"}),
        ("public_debug", "HOST", {"HOST": "tickets.example"}),
        ("plain_smtp", "EMAIL_URL", {"EMAIL_URL": "smtp://me:secret@mail.example"}),
    ],
)
def test_insecure_setting_is_refused_unless_insisted_on(
    risk: str, name: str, variables: dict[str, str]
) -> None:
    reason = refusal(variables)
    assert reason.startswith(f"TicketBoss cannot start: {name} must ")
    assert f"ALLOW_INSECURE={risk} insists" in reason
    assert not refusal(variables | {"ALLOW_INSECURE": f" {risk} "})
    others = ",".join(RISKS.keys() - {risk})
    assert refusal(variables | {"ALLOW_INSECURE": others}) == reason


@pytest.mark.parametrize(
    "variables",
    [
        PRODUCTION | {"HOST": "0.0.0.0"},
        {"HOST": "localhost"},
        {"HOST": "127.0.0.2"},
        {"HOST": "::1"},
        {"ALLOWED_HOSTS": "*"},
        {"EMAIL_URL": "smtp://me:secret@localhost"},
        {"EMAIL_URL": "smtp://mail.example"},
        {"EMAIL_URL": "smtp://me:secret@mail.example?tls=1"},
        {"EMAIL_URL": "submission://me:secret@mail.example"},
    ],
)
def test_harmless_setting_is_not_refused(variables: dict[str, str]) -> None:
    assert not refusal(variables)


@pytest.mark.parametrize(
    ("url", "variables", "starts"),
    [
        (REMOTE, {}, False),
        (f"{REMOTE}?sslmode=prefer", {}, False),
        (f"{REMOTE}?sslmode=allow", {}, False),
        (REMOTE, {"PGSSLMODE": "prefer"}, False),
        ("postgresql:///tickets?host=db.example", {}, False),
        ("postgresql:///tickets?service=tickets", {}, False),
        ("postgresql:///tickets", {"PGHOST": "db.example"}, False),
        ("postgresql://localhost/tickets?hostaddr=192.0.2.1", {}, False),
        ("postgresql:///tickets?host=localhost,db.example", {}, False),
        (f"{REMOTE}?sslmode=disable", {}, True),
        (f"{REMOTE}?sslmode=require", {}, True),
        (f"{REMOTE}?sslmode=verify-full&sslrootcert=a", {}, True),
        (REMOTE, {"PGSSLMODE": "verify-ca"}, True),
        ("postgresql:///tickets", {}, True),
        ("postgresql://me@127.0.0.1/tickets", {}, True),
        ("postgresql://me@[::1]/tickets", {}, True),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/tickets", {}, True),
    ],
)
def test_remote_database_needs_a_definite_sslmode(
    url: str, variables: dict[str, str], starts: bool
) -> None:
    reason = refusal(variables | {"DATABASE_URL": url})
    if starts:
        assert not reason
    else:
        assert reason.startswith("TicketBoss cannot start: DATABASE_URL names a server on another")


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
    (tmp_path / "key").write_text("0123456789-secret-from-a-file-of-fifty-characters-\n")
    done = read(
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "SECURE_SSL_REDIRECT",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_HSTS_SECONDS",
        "CORS_ALLOWED_ORIGINS",
        DJANGO_DEBUG="0",
        SECRET_KEY_FILE=str(tmp_path / "key"),
        CORS_ALLOWED_ORIGINS="https://a.example, http://b.example:81",
        ALLOWED_HOSTS="a.example, b.example",
    )
    assert done.stdout == (
        '{"SECRET_KEY": "0123456789-secret-from-a-file-of-fifty-characters-", '
        '"ALLOWED_HOSTS": ["a.example", "b.example"], '
        '"SECURE_SSL_REDIRECT": true, "SESSION_COOKIE_SECURE": true, '
        '"CSRF_COOKIE_SECURE": true, "SECURE_HSTS_SECONDS": 31536000, '
        '"CORS_ALLOWED_ORIGINS": ["https://a.example", "http://b.example:81"]}\n'
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
