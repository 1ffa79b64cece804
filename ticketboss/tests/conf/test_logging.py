"""Log lines: readable text in development, JSON in production."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from reservations.request_context import request_id
from ticketboss.conf.logging import logging_config


@pytest.fixture(autouse=True)
def structlog_configuration() -> Iterator[None]:
    """Restore what ``logging_config`` replaces: structlog's configuration, and Python's hooks."""
    before, hooks = structlog.get_config(), (sys.excepthook, threading.excepthook)
    yield
    structlog.configure(**before)
    sys.excepthook, threading.excepthook = hooks


def logged(log: Callable[[logging.Logger], None], *, readable: bool) -> str:
    """Return what ``log`` writes with a logger of a library."""
    config = logging_config(level="INFO", readable=readable)
    formatter = dict(config["formatters"]["structlog"])
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter.pop("()")(**formatter))
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    try:
        log(logger)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize("readable", [True, False], ids=["readable", "json"])
def test_log_line_contains_the_request_id(readable: bool) -> None:
    token = request_id.set("abc")
    try:
        line = logged(lambda logger: logger.warning("watch %s", "out"), readable=readable)
    finally:
        request_id.reset(token)
    if readable:
        assert "watch out" in line
        assert "abc" in line
    else:
        entry = json.loads(line)
        assert (entry["event"], entry["request_id"], entry["level"], entry["logger"]) == (
            "watch out",
            "abc",
            "warning",
            "some.library",
        )


@pytest.mark.parametrize("level", ["info", "error"])
def test_json_line_of_our_own_loggers_is_complete(capfd: Any, level: str) -> None:
    logging_config(level="INFO", readable=False)
    token = request_id.set("abc")
    try:
        getattr(structlog.get_logger("some.module"), level)("sold", seats=3, by={1})
    finally:
        request_id.reset(token)
    [line] = capfd.readouterr().err.splitlines()
    entry = json.loads(line)
    timestamp = datetime.fromisoformat(entry.pop("timestamp"))
    assert abs(datetime.now(UTC) - timestamp).total_seconds() < 60
    assert entry == {
        "event": "sold",
        "seats": 3,
        "by": "{1}",
        "request_id": "abc",
        "level": level,
        "logger": "some.module",
    }


def test_json_line_of_an_exception_contains_its_traceback(capfd: Any) -> None:
    logging_config(level="INFO", readable=False)
    log = structlog.get_logger("some.module")
    try:
        int("why")
    except ValueError:
        log.exception("failed")
    log.debug("hidden")
    [line] = capfd.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry["level"] == "error"
    assert entry["exception"].endswith("ValueError: invalid literal for int() with base 10: 'why'")
    assert "request_id" not in entry


def test_line_that_cannot_be_written_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    logging_config(level="INFO", readable=False)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stderr", full)
        structlog.get_logger("some.module").info("sold")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reason": "for ada@shop.example"}, {"reason": "for [email]"}),
        ({"command": {"email": "ada@shop.example"}}, {"command": {"email": "[email]"}}),
        ({"path": "/%40", "seats": 3}, {"path": "/%40", "seats": 3}),
    ],
    ids=["text", "nested", "unchanged"],
)
def test_json_line_contains_no_address(
    capfd: Any, fields: dict[str, object], expected: dict[str, object]
) -> None:
    logging_config(level="INFO", readable=False)
    structlog.get_logger("some.module").warning("failed", **fields)
    entry = json.loads(capfd.readouterr().err)
    assert {name: entry[name] for name in fields} == expected


def test_text_that_is_not_unicode_does_not_fail(capfd: Any) -> None:
    logging_config(level="INFO", readable=False)
    structlog.get_logger("some.module").info("sold", path="/\ud800", by={1: 2})
    assert json.loads(capfd.readouterr().err)["path"] == r"'/\ud800'"


def test_traceback_of_an_unhandled_exception_has_no_address(capfd: Any) -> None:
    logging_config(level="INFO", readable=False)
    try:
        int("ada@shop.example")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    printed = capfd.readouterr().err
    assert printed.startswith("Traceback (most recent call last):")
    assert printed.endswith("with base 10: [email]'\n")


def test_traceback_of_a_thread_has_no_address(capfd: Any) -> None:
    logging_config(level="INFO", readable=False)
    thread = threading.Thread(target=int, args=["ada@shop.example"])
    thread.start()
    thread.join()
    assert capfd.readouterr().err.endswith("with base 10: [email]'\n")


@pytest.mark.parametrize("readable", [True, False], ids=["readable", "json"])
def test_traceback_of_a_library_has_no_address(readable: bool) -> None:
    def fail(logger: logging.Logger) -> None:
        try:
            int("ada@shop.example")
        except ValueError:
            logger.exception("failed for %s", "bob@shop.example")

    text = logged(fail, readable=readable)
    assert "ValueError: invalid literal" in text
    assert "@shop" not in text
