"""The only map from a refusal to an HTTP status, and the body that every error has."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from reservations import errors

log = structlog.get_logger(__name__)

Body = dict[str, Any]

_SOON = {"Retry-After": "1"}  # seconds


class _Answer(NamedTuple):
    status: int
    shown: tuple[str, ...] = ()
    """Attributes of the refusal that the body shows, in camelCase."""
    headers: dict[str, str] | None = None


_ANSWERS: dict[type[errors.Refusal], _Answer] = {
    errors.EventNotFound: _Answer(404),
    errors.ReservationNotFound: _Answer(404),
    errors.NotEnoughSeats: _Answer(409, ("requested", "available_seats")),
    errors.Busy: _Answer(503, headers=_SOON),
    errors.OutcomeUnknown: _Answer(503, headers=_SOON),
}


def handle(error: Exception, _context: dict[str, Any]) -> Response:
    """Answer any exception of a view (DRF's ``EXCEPTION_HANDLER``)."""
    match error:
        case errors.Refusal() if type(error) in _ANSWERS:
            return _refused(error)
        case OperationalError() | InterfaceError() | InternalError():
            log.warning("api.database_unavailable", reason=str(error))
            return _refused(errors.Busy())
        case exceptions.APIException():
            headers = _SOON if error.status_code == status.HTTP_503_SERVICE_UNAVAILABLE else None
            return Response(_explain(error), status=error.status_code, headers=headers)
        case Http404():
            return Response(_NOT_FOUND, status=status.HTTP_404_NOT_FOUND)
        case SuspiciousOperation():
            log.warning("api.suspicious", reason=str(error))
            return Response(_BAD_REQUEST, status=400)
    log.error("api.crashed", exc_info=error)
    return Response(_INTERNAL, status=status.HTTP_500_INTERNAL_SERVER_ERROR)


_BAD_REQUEST: Body = {"error": "Bad request", "code": "invalid"}
_NOT_FOUND: Body = {"error": "Not found", "code": "not_found"}
_INTERNAL: Body = {"error": "Internal server error", "code": "internal_error"}


def _refused(refusal: errors.Refusal) -> Response:
    answer = _ANSWERS[type(refusal)]
    body = {"error": str(refusal), "code": _snake_case(type(refusal).__name__)}
    body |= {_camel_case(name): getattr(refusal, name) for name in answer.shown}
    return Response(body, status=answer.status, headers=answer.headers)


def _explain(error: exceptions.APIException) -> Body:
    match error:
        case exceptions.ValidationError():
            faults = list(_faults(error.detail))
        case exceptions.ParseError():
            faults = [{"path": "", "message": str(error.detail)}]
        case _:
            return {"error": str(error.detail), "code": error.default_code}
    return {"error": faults[0]["message"], "code": "invalid", "details": faults}


def _faults(detail: Any, path: str = "") -> Iterator[Body]:
    """Flatten DRF's nested messages: ``{"seats": ["..."]}`` to ``{"path": "seats", ...}``."""
    if isinstance(detail, dict):
        for name, nested in detail.items():
            yield from _faults(nested, f"{path}.{name}" if path else str(name))
    else:
        yield from ({"path": path, "message": str(message)} for message in detail)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


# Outside of DRF's views, Django asks these; a browser gets Django's page.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses: a forged Host header, say."""
    if wants_page(request):
        return defaults.bad_request(request, exception)
    return _json(_BAD_REQUEST, 400)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an unknown route."""
    if wants_page(request):
        return defaults.page_not_found(request, exception or Http404())
    return _json(_NOT_FOUND, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a crash outside of the API's views."""
    if wants_page(request):
        return defaults.server_error(request)
    return _json(_INTERNAL, 500)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer while the database cannot be had."""
    refused = _refused(errors.Busy())
    if wants_page(request):
        response = render(request, "reservations/unavailable.html", status=refused.status_code)
    else:
        response = _json(refused.data, refused.status_code)
    response["Retry-After"] = refused["Retry-After"]
    return response


def _json(body: Body, status_code: int) -> JsonResponse:
    # As compact as DRF's.
    compact = {"separators": (",", ":")}
    return JsonResponse(body, status=status_code, json_dumps_params=compact)


def wants_page(request: HttpRequest | Request) -> bool:
    """Return whether the client is a browser rather than a program."""
    try:
        return request.get_preferred_type(["application/json", "text/html"]) == "text/html"
    except ValueError:  # An Accept header in an unknown charset.
        return False
