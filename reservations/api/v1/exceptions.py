"""The form of this family's errors; ``api/exceptions.py`` says which status they have."""

from typing import Any

from reservations import errors
from reservations.api.exceptions import Body, to_api_error
from reservations.api.responses import JSONResponse

_NAMES = {"invalid": "ValidationError"}
"""Names that are not their code in PascalCase."""


def exception_handler(error: Exception, _context: dict[str, Any]) -> JSONResponse:
    """Answer any exception of a view."""
    answer = to_api_error(error)
    name = _NAMES.get(answer.code) or answer.code.title().replace("_", "")
    body = {"error": name, "message": answer.sentence, **answer.details, **_details(error)}
    return JSONResponse(body, status=answer.status, headers=answer.headers)


def _details(error: Exception) -> Body:
    match error:
        case errors.EventNotFound():
            # A client may send what no encoding can: a lone surrogate.
            return {"eventId": error.event.encode("utf-8", "replace").decode()}
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
