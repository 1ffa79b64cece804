"""Structured logs: readable lines in development, JSON in production."""

import sys
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    # Adds the request id that ticketboss.middleware.request_log binds.
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, level: str, readable: bool) -> dict[str, Any]:
    """Configure structlog, and return the ``logging.config.dictConfig`` for the standard library.

    Args:
        level: the lowest level that is logged, for example ``"INFO"``.
        readable: write human-readable lines instead of JSON objects.
    """
    if readable:
        _use_standard_library()
    else:
        _bypass_standard_library(level)
    final: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # rich would print local variables, including passwords and keys.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dump)]
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # By default Django and gunicorn attach their own handlers to these.
            "django": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True},
            # RequestLogMiddleware logs every request, with its id.
            "gunicorn.access": {"handlers": [], "propagate": False},
            "django.request": {"level": "ERROR"},
            # At INFO it logs every job, and one starts every two seconds.
            "procrastinate": {"level": "WARNING"},
        },
    }


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
        processors=[
            *_SHARED,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_dump_bytes),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name=None: structlog.BytesLogger(sys.stderr.buffer, name=name),
        cache_logger_on_first_use=True,
    )


def _dump_bytes(entry: dict[str, Any], **_: object) -> bytes:
    return orjson.dumps(entry, default=repr)


def _dump(entry: dict[str, Any], **_: object) -> str:
    return _dump_bytes(entry).decode()
