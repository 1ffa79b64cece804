"""Maps what a view raises to an HTTP status and a body; every refusal's status is here."""

import re
from collections.abc import Iterator
from functools import cache
from math import ceil
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.request import Request

from reservations import errors
from reservations.api.responses import JSONResponse
from reservations.database_errors import UNAVAILABLE
from reservations.ledger.outcomes import Outcome

log = structlog.get_logger(__name__)

Body = dict[str, Any]

_SOON = {"Retry-After": "1"}  # seconds


class APIError(NamedTuple):
    """What the answer to an error says; each family of the API gives it a form."""

    status: int
    code: str
    sentence: str
    details: Body = {}
    headers: dict[str, str] = {}


class _Mapping(NamedTuple):
    status: int
    fields: tuple[str, ...] = ()
    """Attributes of the refusal that the body shows, in camelCase."""
    headers: dict[str, str] = {}
    reported_as: type[errors.Refusal] | None = None
    """The refusal that the client reads of instead."""


_MAPPINGS: dict[type[errors.Refusal], _Mapping] = {
    errors.EventNotFound: _Mapping(404),
    errors.NotEnoughSeats: _Mapping(409, ("requested", "available_seats")),
    errors.VersionConflict: _Mapping(409, ("version",)),
    errors.PreconditionFailed: _Mapping(412, ("version",), reported_as=errors.VersionConflict),
    errors.ReservationNotFound: _Mapping(404),
    # To a partner, the items of a booking are not reservations.
    errors.PartOfBooking: _Mapping(404, reported_as=errors.ReservationNotFound),
    errors.HoldExpired: _Mapping(409),
    errors.InsufficientSeats: _Mapping(409),
    errors.BookingNotFound: _Mapping(404),
    errors.BookingAlreadyCancelled: _Mapping(409),
    errors.IdempotencyKeyReused: _Mapping(422),
    errors.Busy: _Mapping(503, headers=_SOON),
    errors.OutcomeUnknown: _Mapping(503, headers=_SOON),
}


def exception_handler(error: Exception, _context: dict[str, Any]) -> JSONResponse:
    """Answer any exception of a view (DRF's ``EXCEPTION_HANDLER``)."""
    return _json(to_api_error(error))


def to_api_error(error: Exception) -> APIError:
    """Return what to answer to any exception of a view, and log the unexpected ones."""
    match error:
        case errors.Refusal() if type(error) in _MAPPINGS:
            return _from_refusal(error)
        case exceptions.APIException():
            return _from_drf(error)
        case Http404():
            return _NOT_FOUND
        case SuspiciousOperation():
            log.warning("api.suspicious", reason=str(error))
            return _BAD_REQUEST
    if isinstance(error, UNAVAILABLE):
        log.warning("api.database_unavailable", reason=str(error))
        return _from_refusal(errors.Busy())
    log.error("api.crashed", exc_info=error)
    return _INTERNAL


_BAD_REQUEST = APIError(400, "invalid", "Bad request")
_NOT_FOUND = APIError(404, "not_found", "Not found")
_INTERNAL = APIError(500, "internal_error", "Internal server error")


def _from_refusal(refusal: errors.Refusal) -> APIError:
    mapping = _MAPPINGS[type(refusal)]
    reported = mapping.reported_as or type(refusal)
    return APIError(
        mapping.status,
        _snake_case(reported.__name__),
        reported.sentence(),
        {_camel_case(name): getattr(refusal, name) for name in mapping.fields},
        mapping.headers | replay_headers(refusal),
    )


def replay_headers(answer: errors.Refusal | Outcome) -> dict[str, str]:
    """Return the header of an answer that was given before."""
    return {"Idempotent-Replayed": "true"} if answer.replayed else {}


def _from_drf(error: exceptions.APIException) -> APIError:
    match error:
        case exceptions.ValidationError():
            faults = list(_faults(error.detail))
        case exceptions.ParseError():
            faults = [{"path": "", "message": str(error.detail)}]
        case _:
            code, sentence = error.default_code, str(error.detail)
            return APIError(error.status_code, code, sentence, headers=_headers(error))
    return APIError(400, "invalid", faults[0]["message"], {"details": faults})


def _headers(error: exceptions.APIException) -> dict[str, str]:
    """Return the headers that DRF's own handler would add, and when to try again."""
    if error.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        return _SOON
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(ceil(wait))
    return headers


def _faults(detail: Any, path: str = "") -> Iterator[Body]:
    """Flatten DRF's nested messages: ``{"seats": ["..."]}`` to ``{"path": "seats", ...}``.

    What is filed under "" is about the whole that contains it.
    """
    if isinstance(detail, dict):
        for name, nested in detail.items():
            yield from _faults(nested, ".".join(filter(None, (path, str(name)))))
    else:
        yield from ({"path": path, "message": str(message)} for message in detail)


@cache
def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


# Outside of DRF's views, Django asks these; a browser gets Django's page.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses: a forged Host header, say."""
    if wants_page(request):
        return defaults.bad_request(request, exception)
    return _json(_BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an unknown route."""
    if wants_page(request):
        return defaults.page_not_found(request, exception or Http404())
    return _json(_NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a crash outside of the API's views."""
    if wants_page(request):
        return defaults.server_error(request)
    return _json(_INTERNAL)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer while the database cannot be had."""
    refused = _from_refusal(errors.Busy())
    if wants_page(request):
        response = render(request, "reservations/unavailable.html", status=refused.status)
        for name, value in refused.headers.items():
            response[name] = value
        return response
    return _json(refused)


def _json(answer: APIError) -> JSONResponse:
    body = {"error": answer.sentence, "code": answer.code, **answer.details}
    return JSONResponse(body, status=answer.status, headers=answer.headers)


def wants_page(request: HttpRequest | Request) -> bool:
    """Return whether the client is a browser rather than a program."""
    try:
        return request.get_preferred_type(["application/json", "text/html"]) == "text/html"
    except ValueError:  # An Accept header in an unknown charset.
        return False
