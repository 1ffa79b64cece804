"""Structured logs: readable lines in development, JSON in production."""

import os
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from logging import ERROR, WARNING, LogRecord
from traceback import format_exception
from types import TracebackType
from typing import Any

import orjson
import structlog
from django.utils.log import CallbackFilter
from structlog.typing import EventDict, Processor

from reservations.request_context import request_id
from ticketboss.conf.redaction import needs_redaction, redact, redact_entry


def _add_request_id(_logger: object, _method: str, entry: EventDict) -> EventDict:
    if current := request_id.get():
        entry["request_id"] = current
    return entry


_SHARED: list[Processor] = [
    _add_request_id,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, level: str, readable: bool) -> dict[str, Any]:
    """Configure structlog, and return the ``logging.config.dictConfig`` for the standard library.

    Tracebacks of exceptions that nothing handles go to the same place, so they are redacted too,
    whether they end the program or a thread.

    Args:
        level: the lowest level that is logged, for example ``"INFO"``.
        readable: write human-readable lines instead of JSON objects.
    """
    sys.excepthook = _print_redacted
    threading.excepthook = lambda failure: _print_redacted(*failure[:3])
    if readable:
        _use_standard_library()
    else:
        _bypass_standard_library(level)
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # rich would print local variables, including passwords and keys.
            exception_formatter=structlog.dev.plain_traceback,
        )
        if readable
        else structlog.processors.JSONRenderer(_dump)
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact_entry,
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": formatter},
        "filters": {
            "exceptions": {"()": CallbackFilter, "callback": _has_exception},
            "suspicious": {"()": CallbackFilter, "callback": _demote_suspicious_request},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "structlog",
                "filters": ["suspicious"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # By default Django and gunicorn attach their own handlers to these.
            "django": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True},
            # RequestLogMiddleware logs every request, with its id.
            "gunicorn.access": {"handlers": [], "propagate": False},
            # Django repeats the status of each error response; the exceptions are of interest.
            "django.request": {"level": "ERROR", "filters": ["exceptions"]},
            # At INFO it logs every job, and one starts every two seconds.
            "procrastinate": {"level": "WARNING"},
        },
    }


def _has_exception(record: LogRecord) -> bool:
    return record.exc_info is not None


def _demote_suspicious_request(record: LogRecord) -> bool:
    """Turn Django's error and traceback for a suspicious request into a warning.

    The client caused it, for example with too many form fields, and gets a 400.
    """
    if record.name.startswith("django.security.") and record.levelno == ERROR:
        record.levelno, record.levelname, record.exc_info = WARNING, "WARNING", None
    return True


def _print_redacted(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    sys.stderr.write(redact("".join(format_exception(kind, error, trace))).rstrip() + "\n")


def _use_standard_library() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _bypass_standard_library(level: str) -> None:
    """Write our own log lines directly to stderr, several times faster than through ``logging``."""
    structlog.configure(
        processors=[_render_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=True,
    )


def _render_json(logger: "_StderrLogger", method: str, entry: EventDict) -> bytes:
    """Do what ``_SHARED`` and the JSON renderer do, in one step; every request has a line."""
    if current := request_id.get():
        entry["request_id"] = current
    entry["level"] = method
    entry["logger"] = logger.name
    entry["timestamp"] = datetime.now(UTC)
    if "exc_info" in entry:
        entry = structlog.processors.format_exc_info(logger, method, entry)
    line = _dump_bytes(entry)
    return _dump_bytes(redact_entry(logger, method, entry)) if needs_redaction(line) else line


class _StderrLogger:
    """Writes each line with one system call, so that the lines of processes do not mix."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def msg(self, line: bytes) -> None:
        """Write a line."""
        unwritten = memoryview(line + b"\n")
        # A full disk or a closed pipe must not turn a sale into an error.
        with suppress(OSError):
            while unwritten:
                unwritten = unwritten[os.write(sys.stderr.fileno(), unwritten) :]

    debug = info = warning = error = critical = exception = msg


def _dump_bytes(entry: EventDict, **_: object) -> bytes:
    option = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    try:
        return orjson.dumps(entry, default=repr, option=option)
    except TypeError:  # For example a lone surrogate, or a key that is not text.
        return orjson.dumps({str(name): ascii(value) for name, value in entry.items()})


def _dump(entry: EventDict, **_: object) -> str:
    return _dump_bytes(entry).decode()
