"""The version of an event as an entity tag (RFC 9110, section 8.8.3)."""

import re
from typing import Any

from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.request import Request

from reservations.api.responses import JSONResponse
from reservations.models import Event


def conditional_response(request: Request, event: Event, body: Any) -> JSONResponse:
    """Return ``body`` with the event's ``ETag``, or 304 if ``If-None-Match`` matches it."""
    tag = f'"{event.slug}-{event.version}"'
    known = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    # Weak comparison (RFC 9110, section 13.1.2).
    if known == ["*"] or tag in {each.removeprefix("W/") for each in known}:
        return JSONResponse(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
    return JSONResponse(body, headers={"ETag": tag})


def parse_if_match(request: Request, slug: str) -> frozenset[int] | None:
    """Return the versions of event ``slug`` that ``If-Match`` allows; None if any is allowed."""
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        return None
    tags = parse_etags(header)
    if tags == ["*"]:
        return None
    # Strong comparison: a weak tag never matches (RFC 9110, section 13.1.1).
    strong = re.compile(rf'"{re.escape(slug)}-(0|[1-9][0-9]{{0,18}})"')
    return frozenset(int(found[1]) for found in map(strong.fullmatch, tags) if found)
