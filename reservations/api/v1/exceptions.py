"""The error format of the bookings API; ``api/exceptions.py`` defines the statuses."""

from typing import Any

from reservations import errors
from reservations.api.error_details import Body, shorten
from reservations.api.exceptions import to_api_error
from reservations.api.responses import JSONResponse

_NAMES = {"invalid": "ValidationError"}
"""Error names by code, where the name is not the code in PascalCase."""


def exception_handler(error: Exception, context: dict[str, Any]) -> JSONResponse:
    """Return the response for an exception raised by a view."""
    api_error = to_api_error(error, context)
    name = _NAMES.get(api_error.code) or api_error.code.title().replace("_", "")
    body = {"error": name, "message": api_error.sentence, **api_error.details, **_details(error)}
    return JSONResponse(body, status=api_error.status, headers=api_error.headers)


def _details(error: Exception) -> Body:
    match error:
        case errors.EventNotFound() | errors.SalesPaused() | errors.NotOnSale():
            return {"eventId": shorten(error.event)}
        case errors.InsufficientSeats():
            items = [
                {
                    "eventId": each.event,
                    "requested": each.requested,
                    "available": each.available,
                }
                for each in error.shortages
            ]
            return {**items[0], "items": items}
    return {}
