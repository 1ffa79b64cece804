"""The parser of request bodies."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.http import UnreadablePostError
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

MAX_BODY_BYTES = 64 * 1024


class PayloadTooLarge(APIException):
    """The body is longer than ``MAX_BODY_BYTES``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"
    default_detail = f"Request body must be at most {MAX_BODY_BYTES} bytes"


class JSONObjectParser(BaseParser):
    """Parses a body that must be one JSON object in UTF-8 (RFC 8259)."""

    media_type = "application/json"
    error_messages = {
        "invalid": "Request body must be valid JSON in UTF-8",
        "not_an_object": "Request body must be a JSON object",
        "incomplete": "Request body ended before its Content-Length",
        "compressed": "Request body must not be compressed",
    }

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object as a dict.

        Raises:
            UnsupportedMediaType: the body is compressed.
            PayloadTooLarge: the ``Content-Length`` is too large; the body is not read.
            ParseError: the body is incomplete or not a JSON object.
        """
        headers = (parser_context or {})["request"].META
        if headers.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedMediaType("", detail=self.error_messages["compressed"])
        length = int(headers.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY_BYTES:
            raise PayloadTooLarge
        try:
            received = stream.read()
            body = _decoder.decode(received.decode("utf-8"))
        except (ValueError, RecursionError, UnreadablePostError) as error:
            raise ParseError(self.error_messages["invalid"]) from error
        if len(received) < length:
            raise ParseError(self.error_messages["incomplete"])
        if not isinstance(body, dict):
            raise ParseError(self.error_messages["not_an_object"])
        return body


def _bounded_int(digits: str) -> int:
    # Numbers of this length exceed every limit and every version. Parsing more digits only costs
    # time, and Python rejects more than 4,300.
    return int(digits[:30])


def _reject_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


# Not orjson: it parses integers over 64 bits as floats, and rejects lone surrogates.
_decoder = json.JSONDecoder(parse_int=_bounded_int, parse_constant=_reject_constant)
