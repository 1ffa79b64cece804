"""Log lines: readable text in development, JSON in production."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from ticketboss.conf.logging import logging_config, request_id


@pytest.fixture(autouse=True)
def structlog_configuration() -> Iterator[None]:
    """Restore structlog's global configuration, which ``logging_config`` replaces."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("readable", [True, False], ids=["readable", "json"])
def test_log_line_contains_the_request_id(readable: bool) -> None:
    config = logging_config(level="INFO", readable=readable)
    formatter = dict(config["formatters"]["structlog"])
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter.pop("()")(**formatter))
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    token = request_id.set("abc")
    try:
        logger.warning("watch %s", "out")
    finally:
        request_id.reset(token)
        logger.removeHandler(handler)
    line = stream.getvalue()
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
