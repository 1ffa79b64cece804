"""The version of an event as an entity tag (RFC 9110, 8.8.3)."""

import re
from typing import Any

from django.utils.http import parse_etags
from rest_framework import status
from rest_framework.request import Request

from reservations.api.responses import JSONResponse
from reservations.models import Event


def conditional_response(request: Request, event: Event, body: Any) -> JSONResponse:
    """Return ``body`` with the event's tag, or 304 if ``If-None-Match`` names that tag."""
    tag = f'"{event.slug}-{event.version}"'
    known = parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    # Weakly compared: RFC 9110, 13.1.2.
    if known == ["*"] or tag in {each.removeprefix("W/") for each in known}:
        return JSONResponse(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
    return JSONResponse(body, headers={"ETag": tag})


def parse_if_match(request: Request, slug: str) -> frozenset[int] | None:
    """Return the versions of the event ``slug`` that ``If-Match`` allows; None if it allows any."""
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        return None
    tags = parse_etags(header)
    if tags == ["*"]:
        return None
    # Strongly compared: a weak tag matches nothing (RFC 9110, 13.1.1).
    strong = re.compile(rf'"{re.escape(slug)}-(0|[1-9][0-9]{{0,18}})"')
    return frozenset(int(found[1]) for found in map(strong.fullmatch, tags) if found)
