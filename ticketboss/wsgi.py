"""The application that gunicorn serves."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

django = get_wsgi_application()

from reservations.api.parsers import MAX_BODY_BYTES  # noqa: E402 (needs the settings)
from ticketboss.middleware.request_log import request_id_for  # noqa: E402
from ticketboss.serving.concurrency_limit import ConcurrencyLimiter  # noqa: E402

log = structlog.get_logger(__name__)
_limiter = ConcurrencyLimiter(settings.MAX_CONCURRENT_REQUESTS)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request, also one that Django cannot even read, or that is one too many."""
    try:
        _require_path(environ)
        _read_body(environ)
        if busy := _limiter.reject_if_full(environ["PATH_INFO"]):
            return _answer(environ, start_response, "503 Service Unavailable", *busy)
        with _limiter:
            return django(environ, start_response)
    except Exception as error:
        # Django answers whatever goes wrong once it has made a request of it.
        log.warning("wsgi.unreadable_request", reason=repr(error))
        body = b'{"error":"Bad request","code":"invalid"}'
        return _answer(environ, start_response, "400 Bad Request", {}, body)


def _answer(
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    status: str,
    headers: dict[str, str],
    body: bytes,
) -> Iterable[bytes]:
    headers = headers | {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Request-ID": request_id_for(environ.get("HTTP_X_REQUEST_ID", "")),
    }
    start_response(status, list(headers.items()))
    return [body]


def _require_path(environ: "WSGIEnvironment") -> None:
    """Refuse ``OPTIONS *`` and ``CONNECT host:port``, which no route of ours can match."""
    if not environ["PATH_INFO"].startswith("/"):
        raise ValueError(environ["PATH_INFO"])


def _read_body(environ: "WSGIEnvironment") -> None:
    """Read the body before the request counts: a slow client keeps nobody else out.

    Of one that is sent in chunks, which Django takes for empty, as much as may be accepted and a
    byte more to tell that it is too long. What is longer by its own account is left to Django.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    length = MAX_BODY_BYTES + 1 if chunked else int(environ.get("CONTENT_LENGTH") or 0)
    if chunked or 0 < length <= MAX_BODY_BYTES:
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(body)
        if chunked:
            environ["CONTENT_LENGTH"] = str(len(body))
