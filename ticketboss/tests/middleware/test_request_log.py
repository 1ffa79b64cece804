"""X-Request-ID, in every answer and in the logs; and the logs themselves."""

import json
import logging
import re
from io import StringIO

import pytest
import structlog
from django.test import Client
from pytest_django import Settings

from ticketboss.conf.logging import logging_config


@pytest.mark.parametrize("sent", ["abc", "A-1.b_2", "x" * 128])
@pytest.mark.parametrize("path", ["/health", "/nope", "/static/admin/css/base.css"])
def test_the_clients_id_comes_back(db: None, path: str, sent: str) -> None:
    answer = Client().get(path, headers={"X-Request-ID": sent})
    answer.close()  # a static file is streamed
    assert answer["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "two words", "ä", "a\nb", "<script>", None])
def test_any_other_id_is_replaced(sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    answers = [Client().get("/health", headers=headers)["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", answer) for answer in answers)
    assert answers[0] != answers[1]


@pytest.mark.parametrize("debug", [True, False])
def test_a_forged_host_is_told_nothing(settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    answer = Client().get("/reservations", headers={"Host": "evil.example", "X-Request-ID": "a"})
    assert (answer.status_code, answer["X-Request-ID"]) == (400, "a")
    assert answer.json() == {"error": "Bad request", "code": "invalid"}


@pytest.mark.parametrize("readable", [True, False])
def test_logs_carry_the_id(readable: bool) -> None:
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
