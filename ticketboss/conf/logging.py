"""Structured logs: readable lines in development, JSON in production."""

import sys
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    # Brings in the request id, see ticketboss.middleware.request_log.
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, level: str, readable: bool) -> dict[str, Any]:
    """Return a ``logging.config.dictConfig`` for all logs, those of the standard library too.

    Args:
        level: least level that is shown, ``"INFO"`` for example.
        readable: lines for a person rather than JSON objects.
    """
    if readable:
        _log_through_the_standard_library()
    else:
        _log_straight(level)
    final: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # Not rich's, which prints the locals: passwords and keys among them.
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
            # Django and gunicorn give these handlers of their own unless told otherwise.
            "django": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True},
            # The middleware tells of every request, with its id.
            "gunicorn.access": {"handlers": [], "propagate": False},
            "django.request": {"level": "ERROR"},
            # It tells of every job, and one begins every other second.
            "procrastinate": {"level": "WARNING"},
        },
    }


def _log_through_the_standard_library() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _log_straight(level: str) -> None:
    """Write our own lines without the standard library, which would take longer than a view."""
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
