"""The WSGI application that gunicorn serves."""

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

from reservations.api.parsers import MAX_BODY_BYTES  # noqa: E402 (after Django's setup)
from ticketboss.middleware.request_log import request_id_for  # noqa: E402
from ticketboss.serving.concurrency_limit import ConcurrencyLimiter  # noqa: E402

log = structlog.get_logger(__name__)
_limiter = ConcurrencyLimiter(settings.MAX_CONCURRENT_REQUESTS)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Serve one request; answer 503 if too many are in flight, 400 if Django cannot parse it."""
    try:
        _require_path(environ)
        _read_body(environ)
        if busy := _limiter.reject_if_full(environ["PATH_INFO"]):
            return _respond(environ, start_response, "503 Service Unavailable", *busy)
        with _limiter:
            return django(environ, start_response)
    except Exception as error:
        # Django handles all errors once it has constructed its request object.
        log.warning("wsgi.unreadable_request", reason=repr(error))
        body = b'{"error":"Bad request","code":"invalid"}'
        return _respond(environ, start_response, "400 Bad Request", {}, body)


def _respond(
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
    """Reject ``OPTIONS *`` and ``CONNECT host:port``, whose paths match no route.

    Raises:
        ValueError: the path does not start with a slash.
    """
    if not environ["PATH_INFO"].startswith("/"):
        raise ValueError(environ["PATH_INFO"])


def _read_body(environ: "WSGIEnvironment") -> None:
    """Read the body before the request counts as in flight, so slow clients do not block others.

    Django treats a chunked body as empty, so set its length; read up to one byte more than the
    limit, which shows that it is too long. Leave a body with a larger Content-Length to Django.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    length = MAX_BODY_BYTES + 1 if chunked else int(environ.get("CONTENT_LENGTH") or 0)
    if chunked or 0 < length <= MAX_BODY_BYTES:
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(body)
        if chunked:
            environ["CONTENT_LENGTH"] = str(len(body))
