"""The WSGI application that gunicorn serves."""

import os
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from io import BytesIO
from threading import Semaphore
from typing import TYPE_CHECKING, Any, cast

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest
from django.urls import ResolverMatch
from gunicorn.http.errors import NoMoreData, ParseException

from ticketboss.paths import ADMIN
from ticketboss.serving.client_address import TrustedProxies
from ticketboss.serving.errors import ERROR, Disconnected, RequestError
from ticketboss.serving.http_parser import Environ

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

django.setup(set_prefix=False)

from reservations.api.parsers import MAX_BODY_BYTES  # noqa: E402 (after Django's setup)
from reservations.database_errors import release_connection  # noqa: E402
from ticketboss.metrics import exporter  # noqa: E402

# Bodies of the admin's size that are read at the same time; each takes that much memory.
_large_bodies = Semaphore(8)
# What the response to a refused request depends on. Everything else is left out: it may be what
# Django cannot read.
_KEPT_WHEN_REFUSED = (
    "REQUEST_METHOD",
    "PATH_INFO",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "REMOTE_ADDR",
    "wsgi.url_scheme",
    "HTTP_ACCEPT",
    "HTTP_ORIGIN",
    "HTTP_X_REQUEST_ID",
)


class _Request(WSGIRequest):
    """Django's request object, whose errors mean that the client's headers cannot be read."""

    def __init__(self, environ: Environ) -> None:
        try:
            super().__init__(environ)
        except (LookupError, ValueError) as error:
            raise RequestError(400, "the headers cannot be read") from error


class _Handler(WSGIHandler):
    """Django's handler, which resolves each path without parameters only once."""

    request_class = _Request

    def __init__(self) -> None:
        super().__init__()
        self._matches: dict[str, ResolverMatch] = {}

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        match = self._matches.get(request.path_info)
        if match is None:
            match = super().resolve_request(request)
            # The empty route is that of all unknown paths, of which there is no end.
            if match.route and not match.args and not match.kwargs:
                self._matches[request.path_info] = match
        request.resolver_match = match
        return match


_handler = _Handler()
_import_once = cache(import_module)
_proxies = TrustedProxies(settings.FORWARDED_ALLOW_IPS.split(","))


def application(environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
    """Answer a request with the metrics if it is Prometheus's, otherwise with Django."""
    if _is_for_metrics(environ):
        return exporter.application(environ, start_response)
    if forwarded_for := environ.get("HTTP_X_FORWARDED_FOR"):
        environ["REMOTE_ADDR"] = _proxies.find_client(environ["REMOTE_ADDR"], forwarded_for)
    response = _answer(environ, start_response)
    # Django would do it after the response has been sent, and the client may be slow to receive it.
    release_connection()
    return response


def _answer(environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
    """Read the body of a request and let Django answer it.

    A request that cannot be read, or whose body is too long, reaches Django with the error instead.
    So does one that failed where Django has no answer, for example because its URLconf is broken.
    """
    if refusal := environ.get(ERROR):
        return _handler(_refused(environ, refusal), start_response)
    try:
        _read_body(environ)
        # Without it Django has no answer, and tries to import it once for each middleware.
        _import_once(settings.ROOT_URLCONF)
        return _handler(environ, start_response)
    except RequestError as error:
        return _handler(_refused(environ, error), start_response)
    except Disconnected:
        raise
    except Exception as error:
        return _handler(_refused(environ, RequestError.from_crash(error)), start_response)


def _is_for_metrics(environ: Environ) -> bool:
    """Return whether the request came to METRICS_BIND, and can be answered there.

    The port that gunicorn's own worker reports for a Unix socket is from the Host header.
    """
    return bool(
        settings.METRICS_PORT
        and environ["SERVER_PORT"] == settings.METRICS_PORT
        and environ.get("REMOTE_ADDR")
        and ERROR not in environ
    )


def _refused(environ: Environ, error: RequestError) -> Environ:
    kept = {key: environ[key] for key in _KEPT_WHEN_REFUSED if key in environ}
    unknown = {"REQUEST_METHOD": "unknown", "PATH_INFO": ""}
    return unknown | kept | {"wsgi.input": BytesIO(), ERROR: error}


def _read_body(environ: Environ) -> None:
    """Read the body before the request counts as in flight, so slow clients do not block others.

    Raises:
        RequestError: the body is too long or malformed, or the client too slow.
    """
    in_admin = environ["PATH_INFO"].startswith(ADMIN)
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if in_admin else MAX_BODY_BYTES
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > limit:
        raise _too_large(limit)
    # One byte more than the limit shows that a chunked body is too long.
    size = limit + 1 if chunked else length
    body = _read(environ["wsgi.input"], size)
    if len(body) > limit:
        raise _too_large(limit)
    environ["wsgi.input"] = BytesIO(body)
    if chunked:
        environ["CONTENT_LENGTH"] = str(len(body))  # Django ignores a body without a length.


def _read(source: Any, size: int) -> bytes:
    if size <= MAX_BODY_BYTES + 1:
        return _read_now(source, size)
    if not _large_bodies.acquire(blocking=False):
        raise RequestError(503, "too many large bodies")
    try:
        return _read_now(source, size)
    finally:
        _large_bodies.release()


def _read_now(source: Any, size: int) -> bytes:
    try:
        return cast("bytes", source.read(size))
    except (NoMoreData, ParseException) as error:  # only with WORKER_CLASS=gevent
        raise RequestError(400, "the body is malformed or ended early") from error


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"Request body must be at most {limit} bytes")
