"""Log lines: readable text in development, JSON in production."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from ticketboss.conf.logging import logging_config


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
    try:
        with structlog.contextvars.bound_contextvars(request_id="abc"):
            logger.warning("watch %s", "out")
    finally:
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
