"""The application that gunicorn serves."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

import structlog
from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

django = get_wsgi_application()

from reservations.api.body import MAX_BODY_BYTES  # noqa: E402 (needs the settings)
from ticketboss.request_id import request_id_for  # noqa: E402

log = structlog.get_logger(__name__)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request, also one that Django cannot even read."""
    try:
        _require_path(environ)
        _read_chunks(environ)
        return django(environ, start_response)
    except Exception as error:
        # Django answers whatever goes wrong once it has made a request of it.
        log.warning("wsgi.unreadable_request", reason=repr(error))
        body = b'{"error":"Bad request","code":"invalid"}'
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", request_id_for(environ.get("HTTP_X_REQUEST_ID", ""))),
        ]
        start_response("400 Bad Request", headers)
        return [body]


def _require_path(environ: "WSGIEnvironment") -> None:
    """Refuse ``OPTIONS *`` and ``CONNECT host:port``, which no route of ours can match."""
    if not environ["PATH_INFO"].startswith("/"):
        raise ValueError(environ["PATH_INFO"])


def _read_chunks(environ: "WSGIEnvironment") -> None:
    """Read a body that is sent in chunks: Django takes one without a Content-Length for empty.

    As much as may be accepted, and a byte more to tell that it is too long.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
