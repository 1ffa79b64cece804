"""The parser of request bodies."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import UnreadablePostError
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from reservations.api import strict_json

MAX_BODY_BYTES = 64 * 1024


class PayloadTooLarge(APIException):
    """The body is longer than ``MAX_BODY_BYTES``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"
    default_detail = f"Request body must be at most {MAX_BODY_BYTES} bytes"


class JSONObjectParser(BaseParser):
    """Parses a body that must be one JSON object in UTF-8 (RFC 8259), or null."""

    media_type = "application/json"
    error_messages = {
        "invalid": "Request body must be valid JSON in UTF-8",
        "not_an_object": "Request body must be a JSON object",
        "incomplete": "Request body ended before its Content-Length",
        "compressed": "Request body must not be compressed",
    }

    def parse(  # type: ignore[override]
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Return the object as a dict; None for null, which some clients send for "no body".

        Raises:
            UnsupportedMediaType: the body is compressed.
            PayloadTooLarge: the ``Content-Length`` is too large; the body is not read.
            ParseError: the body is incomplete, or is neither a JSON object nor null.
        """
        headers = (parser_context or {})["request"].META
        if headers.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedMediaType("", detail=self.error_messages["compressed"])
        length = int(headers.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY_BYTES:
            raise PayloadTooLarge
        body = self._decode(stream, length)
        if not isinstance(body, dict | None):
            raise ParseError(self.error_messages["not_an_object"])
        return body

    def _decode(self, stream: IO[Any], length: int) -> Any:
        try:
            received = stream.read()
            body = strict_json.decode(received)
        except strict_json.Unacceptable as error:
            raise ParseError(str(error)) from error
        except (ValueError, UnreadablePostError) as error:
            raise ParseError(self.error_messages["invalid"]) from error
        if len(received) < length:
            raise ParseError(self.error_messages["incomplete"])
        return body
