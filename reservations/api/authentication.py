"""Authentication with a key: ``Authorization: Bearer tbk_<id>_<secret>`` (RFC 6750)."""

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from reservations.access.caller import Caller
from reservations.access.verification import verify
from reservations.errors import Unauthorized

_SCHEME = "bearer"


def uses_keys() -> bool:
    """Return whether callers need keys (``API_ACCESS=keys``)."""
    return bool(settings.API_ACCESS == "keys")


class ApiKeyAuthentication(BaseAuthentication):
    """Finds out which partner sends a request."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        """Return the caller, or None if the request has no ``Authorization`` header.

        Raises:
            Unauthorized: the header does not contain exactly one valid key.
            Busy: the key could not be read.
        """
        # A server joins several headers with commas, which no key contains.
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, key = header.partition(" ")
        caller = verify(key.strip(" ")) if scheme.lower() == _SCHEME else None
        if caller is None:
            raise Unauthorized
        return caller, None
