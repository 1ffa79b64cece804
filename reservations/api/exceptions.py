"""Maps exceptions raised by views to HTTP responses.

``_MAPPINGS`` contains every refusal that an API request can cause.
"""

import re
from collections.abc import Callable
from functools import cache
from math import ceil
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.request import Request

from reservations import errors
from reservations.api.error_details import Body, list_details, shorten
from reservations.api.responses import JSONResponse
from reservations.batching import BatchFailed
from reservations.database_errors import UNAVAILABLE
from reservations.ledger.outcomes import Outcome

log = structlog.get_logger(__name__)

_RETRY_AFTER = {"Retry-After": "1"}  # seconds
# RFC 6750, section 3: an error is named only if the request had credentials.
_CHALLENGE = 'Bearer realm="TicketBoss"'
# Browsers send less than 300 characters. Django takes 15 ms to parse the longest header.
_MAX_ACCEPT_LENGTH = 1000


class APIError(NamedTuple):
    """The content of an error response; each of the two APIs has its own body format."""

    status: int
    code: str
    sentence: str
    details: Body = {}
    headers: dict[str, str] = {}


class _Mapping(NamedTuple):
    status: int
    fields: tuple[str, ...] = ()
    """Attributes of the refusal to include in the body, with their names in camelCase."""
    headers: dict[str, str] = {}
    reported_as: type[errors.Refusal] | None = None
    """The refusal to report to the client instead, if any."""


_MAPPINGS: dict[type[errors.Refusal], _Mapping] = {
    errors.EventNotFound: _Mapping(404),
    errors.NotEnoughSeats: _Mapping(409, ("requested", "available_seats")),
    errors.SalesPaused: _Mapping(409),
    errors.NotOnSale: _Mapping(409, ("opens_at", "closes_at")),
    errors.VersionConflict: _Mapping(409, ("version",)),
    errors.PreconditionFailed: _Mapping(412, ("version",), reported_as=errors.VersionConflict),
    errors.VersionAhead: _Mapping(409, ("version",)),
    errors.ReservationNotFound: _Mapping(404),
    # The reservations API does not expose the items of bookings.
    errors.PartOfBooking: _Mapping(404, reported_as=errors.ReservationNotFound),
    errors.HoldExpired: _Mapping(409),
    errors.InsufficientSeats: _Mapping(409),
    errors.BookingNotFound: _Mapping(404),
    errors.BookingAlreadyCancelled: _Mapping(409),
    errors.IdempotencyKeyReused: _Mapping(422),
    errors.ApiKeyRequired: _Mapping(
        401, headers={"WWW-Authenticate": _CHALLENGE}, reported_as=errors.Unauthorized
    ),
    errors.Unauthorized: _Mapping(
        401, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'}
    ),
    errors.Forbidden: _Mapping(403),
    errors.ForeignPartner: _Mapping(403, reported_as=errors.Forbidden),
    errors.ScopeMissing: _Mapping(403, ("scope",), reported_as=errors.Forbidden),
    errors.Busy: _Mapping(503, headers=_RETRY_AFTER),
    errors.OutcomeUnknown: _Mapping(503, headers=_RETRY_AFTER),
}


def exception_handler(error: Exception, context: dict[str, Any]) -> JSONResponse:
    """Return the response for an exception raised by a view (DRF's ``EXCEPTION_HANDLER``)."""
    return _json(to_api_error(error, context))


def to_api_error(error: Exception, context: dict[str, Any]) -> APIError:
    """Return the error to report for an exception raised by a view; log unexpected ones.

    With DEBUG, raise an unexpected one if a browser sent the request: Django shows its traceback.
    """
    return _from_expected(error) or _from_unexpected(error, context)


def _from_expected(error: Exception) -> APIError | None:
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
        case _:
            return None


def _from_unexpected(error: Exception, context: dict[str, Any]) -> APIError:
    if isinstance(error, UNAVAILABLE):
        log.warning("api.database_unavailable", reason=str(error))
        return _from_refusal(errors.Busy())
    return _from_bug(error, context)


def _from_bug(error: Exception, context: dict[str, Any]) -> APIError:
    if settings.DEBUG and "request" in context and wants_page(context["request"]):
        raise error
    if not isinstance(error, BatchFailed):  # its cause is raised, and logged, once
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
        refusal.message if isinstance(refusal, reported) else reported.message,
        {_camel_case(name): getattr(refusal, name) for name in mapping.fields},
        mapping.headers | replay_headers(refusal),
    )


def replay_headers(result: errors.Refusal | Outcome) -> dict[str, str]:
    """Return ``Idempotent-Replayed`` if ``result`` is the stored result of an earlier request."""
    return {"Idempotent-Replayed": "true"} if result.replayed else {}


def _from_drf(error: exceptions.APIException) -> APIError:
    match error:
        case exceptions.ValidationError():
            details = list_details(error.detail)
        case exceptions.ParseError():
            details = list_details([error.detail])
        case _:
            code, sentence = error.default_code, shorten(str(error.detail))
            return APIError(error.status_code, code, sentence, headers=_headers(error))
    return APIError(400, "invalid", details["details"][0]["message"], details)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    """Return ``Retry-After`` for a 503, otherwise the headers that DRF's handler would add."""
    if error.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        return _RETRY_AFTER
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(ceil(wait))
    return headers


@cache
def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


# Django's handlers for errors outside DRF's views. Browsers get an HTML page.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400 for a request that Django rejects, for example because of its Host header."""
    return _page_or_json(request, _BAD_REQUEST, lambda: defaults.bad_request(request, exception))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 404 for an unknown path."""
    return _page_or_json(
        request, _NOT_FOUND, lambda: defaults.page_not_found(request, exception or Http404())
    )


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return 503 while the database is unavailable."""
    return _busy(request, "reservations/unavailable.html")


def busy(request: HttpRequest) -> HttpResponse:
    """Return 503 for a page that too many visitors request."""
    return _busy(request, "reservations/busy.html")


def _busy(request: HttpRequest, template: str) -> HttpResponse:
    error = _from_refusal(errors.Busy())
    return _page_or_json(request, error, lambda: render(request, template, status=error.status))


def _page_or_json(
    request: HttpRequest, error: APIError, render_page: Callable[[], HttpResponse]
) -> HttpResponse:
    response = render_page() if wants_page(request) else _json(error)
    for name, value in error.headers.items():
        response[name] = value
    patch_vary_headers(response, ["Accept"])
    return response


def _json(error: APIError) -> JSONResponse:
    body = {"error": error.sentence, "code": error.code, **error.details}
    return JSONResponse(body, status=error.status, headers=error.headers)


def wants_page(request: HttpRequest | Request) -> bool:
    """Return whether the client prefers HTML to JSON, as browsers do."""
    if len(request.META.get("HTTP_ACCEPT", "")) > _MAX_ACCEPT_LENGTH:
        return False
    try:
        return request.get_preferred_type(["application/json", "text/html"]) == "text/html"
    except ValueError:  # A parameter of the Accept header names an unknown charset.
        return False
