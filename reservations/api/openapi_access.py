"""The parts of the OpenAPI document about partners' keys."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from reservations import errors
from reservations.api.authentication import uses_keys
from reservations.models import Scope

NO_KEY = [errors.Unauthorized()]
"""The error of every operation if a key is sent that is not valid, or none where one is needed."""


def needs(scope: Scope) -> list[errors.Refusal]:
    """Return the error of an operation that needs a key with this scope."""
    return [errors.ScopeMissing(scope.value)]


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes the keys of partners. drf-spectacular finds this class by its ``target_class``."""

    target_class = "reservations.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "tbk_<id>_<secret>",
            "description": "A partner's key. Keep it out of URLs, web pages and logs.",
        }


def make_partner_id_optional(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Let ``partnerId`` be left out if callers have keys."""
    if uses_keys():
        result["components"]["schemas"]["ReservationRequest"]["required"].remove("partnerId")
        for parameter in result["paths"]["/api/v1/reservations"]["get"]["parameters"]:
            if parameter["name"] == "partnerId":
                del parameter["required"]
    return result
