"""Conditional requests: ETag, If-None-Match, If-Match and expectedVersion."""

from collections.abc import Callable
from functools import partial
from time import thread_time
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.test import APIClient

from reservations.api import etags
from reservations.models import Event
from reservations.tests.api.client import RESERVATION, assert_invalid, post
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db

STALE = "Event was modified, read it again and retry"
PATHS = ["/", "/reservations", "/api/v1/events/node-meetup-2025"]


@pytest.mark.parametrize("path", PATHS)
def test_etag_contains_the_version(event: Event, client: APIClient, path: str) -> None:
    assert client.get(path)["ETag"] == '"node-meetup-2025-0"'
    reserve(event)
    assert client.get(path)["ETag"] == '"node-meetup-2025-1"'


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "if_none_match",
    [
        '"node-meetup-2025-0"',
        'W/"node-meetup-2025-0"',
        '"x", "node-meetup-2025-0"',
        "*",
    ],
)
def test_matching_if_none_match_is_answered_with_304(
    event: Event, client: APIClient, path: str, if_none_match: str
) -> None:
    response = client.get(path, headers={"if-none-match": if_none_match})
    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == '"node-meetup-2025-0"'
    assert response["X-Request-ID"]
    reserve(event)
    if if_none_match != "*":
        assert client.get(path, headers={"if-none-match": if_none_match}).status_code == 200


@pytest.mark.parametrize(
    "if_none_match", ["", '"node-meetup-2025-1"', "node-meetup-2025-0", '"', "\xff"], ids=repr
)
def test_nonmatching_if_none_match_is_answered_with_200(
    event: Event, client: APIClient, if_none_match: str
) -> None:
    assert client.get("/reservations", headers={"if-none-match": if_none_match}).status_code == 200


def cpu_seconds(call: Callable[[], object]) -> float:
    started = thread_time()
    call()
    return thread_time() - started


@pytest.mark.parametrize(
    "parse",
    [partial(etags.is_known, tag='"x-1"'), partial(etags.parse_if_match, slug="x")],
    ids=["if-none-match", "if-match"],
)
@pytest.mark.parametrize("part", [",", '"x-2",', "W/,"])
def test_long_lists_of_etags_are_parsed_fast(parse: Callable[[Request], object], part: str) -> None:
    """Django's parser would keep the event loop from sales: 30 ms for the longest header."""
    header = part * (400_000 // len(part))
    request = Request(
        RequestFactory().get("/", headers={"if-match": header, "if-none-match": header})
    )
    assert cpu_seconds(partial(parse, request)) < cpu_seconds(partial(parse_etags, header)) / 2


def test_html_page_has_no_etag(event: Event, client: APIClient) -> None:
    response = client.get("/", headers={"accept": "text/html", "if-none-match": "*"})
    assert (response.status_code, response.has_header("ETag")) == (200, False)


def reserve_if(client: APIClient, match: str | None = None, **fields: Any) -> Any:
    return post(client, "/reservations", RESERVATION | fields, if_match=match)


@pytest.mark.parametrize("match", ['"node-meetup-2025-1"', '"x", "node-meetup-2025-1"', "*"])
def test_matching_if_match_succeeds(event: Event, client: APIClient, match: str) -> None:
    reserve(event)
    assert reserve_if(client, match).status_code == 201


@pytest.mark.parametrize(
    "match",
    [
        '"node-meetup-2025-0"',
        'W/"node-meetup-2025-1"',
        "node-meetup-2025-1",
        '"node-meetup-2025-01"',
        pytest.param('"node-meetup-2025-' + "9" * 5000 + '"', id="5000-digits"),
        '"other-1"',
        '""',
        "",
        "\xff",
    ],
    ids=repr,
)
def test_nonmatching_if_match_is_answered_with_412(
    event: Event, client: APIClient, match: str
) -> None:
    reserve(event)
    response = reserve_if(client, match)
    assert (response.status_code, response.json()) == (
        412,
        {"error": STALE, "code": "version_conflict", "version": 1},
    )
    assert_inventory(event, available=9, version=1, reservations=1)


def test_if_match_refers_to_the_event_of_the_request(event: Event, client: APIClient) -> None:
    other = EventFactory.create()
    assert reserve_if(client, f'"{other.slug}-0"', eventId=other.slug).status_code == 201
    assert reserve_if(client, '"node-meetup-2025-0"', eventId=other.slug).status_code == 412
    assert reserve_if(client, '"none-0"', eventId="none").status_code == 404


def test_current_expected_version_succeeds(event: Event, client: APIClient) -> None:
    assert reserve_if(client, expectedVersion=0).status_code == 201
    assert reserve_if(client, expectedVersion=1).status_code == 201


@pytest.mark.parametrize("version", [-1, 1, pytest.param(10**400, id="400-digits")])
def test_wrong_expected_version_is_answered_with_409(
    event: Event, client: APIClient, version: int
) -> None:
    response = reserve_if(client, expectedVersion=version)
    assert (response.status_code, response.json()) == (
        409,
        {"error": STALE, "code": "version_conflict", "version": 0},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("version", ["0", 0.0, True, None, []], ids=repr)
def test_expected_version_must_be_an_integer(event: Event, client: APIClient, version: Any) -> None:
    response = reserve_if(client, expectedVersion=version)
    assert_invalid(response, ("expectedVersion", "Expected version must be an integer"))


def test_versions_are_compared_after_releasing_holds(event: Event, client: APIClient) -> None:
    """A client that read version 1 has not seen the release of the expired hold."""
    expire_hold(hold(event))
    assert reserve_if(client, '"node-meetup-2025-1"').json()["version"] == 2
    assert reserve_if(client, expectedVersion=2).status_code == 201
    expire_hold(hold(event))
    response = reserve_if(client, expectedVersion=4)
    assert (response.status_code, response.json()["version"]) == (409, 5)


def test_if_match_is_checked_before_expected_version(event: Event, client: APIClient) -> None:
    assert reserve_if(client, '"node-meetup-2025-9"', expectedVersion=9).status_code == 412
    assert reserve_if(client, '"node-meetup-2025-0"', expectedVersion=9).status_code == 409
    assert reserve_if(client, '"node-meetup-2025-0"', expectedVersion=0).status_code == 201
