"""ETag, If-None-Match, If-Match and expectedVersion."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from reservations.models import Event
from reservations.tests.api.client import RESERVATION, assert_invalid, post
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, expire_hold, hold, reserve

pytestmark = pytest.mark.django_db

STALE = "Event was modified, read it again and retry"
PATHS = ["/", "/reservations", "/api/v1/events/node-meetup-2025"]


@pytest.mark.parametrize("path", PATHS)
def test_the_tag_is_the_version(event: Event, client: APIClient, path: str) -> None:
    assert client.get(path)["ETag"] == '"node-meetup-2025-0"'
    reserve(event)
    assert client.get(path)["ETag"] == '"node-meetup-2025-1"'


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "known",
    [
        '"node-meetup-2025-0"',
        'W/"node-meetup-2025-0"',
        '"x", "node-meetup-2025-0"',
        "*",
    ],
)
def test_not_modified(event: Event, client: APIClient, path: str, known: str) -> None:
    answer = client.get(path, headers={"if-none-match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == '"node-meetup-2025-0"'
    assert answer["X-Request-ID"]
    reserve(event)
    if known != "*":
        assert client.get(path, headers={"if-none-match": known}).status_code == 200


@pytest.mark.parametrize("known", ["", '"node-meetup-2025-1"', "node-meetup-2025-0", '"', "\xff"])
def test_modified(event: Event, client: APIClient, known: str) -> None:
    assert client.get("/reservations", headers={"if-none-match": known}).status_code == 200


def test_a_page_has_no_tag(event: Event, client: APIClient) -> None:
    answer = client.get("/", headers={"accept": "text/html", "if-none-match": "*"})
    assert (answer.status_code, answer.has_header("ETag")) == (200, False)


def reserve_if(client: APIClient, match: str | None = None, **fields: Any) -> Any:
    return post(client, "/reservations", RESERVATION | fields, if_match=match)


@pytest.mark.parametrize("match", ['"node-meetup-2025-1"', '"x", "node-meetup-2025-1"', "*"])
def test_the_event_is_as_expected(event: Event, client: APIClient, match: str) -> None:
    reserve(event)
    assert reserve_if(client, match).status_code == 201


@pytest.mark.parametrize(
    "match",
    [
        '"node-meetup-2025-0"',
        'W/"node-meetup-2025-1"',
        "node-meetup-2025-1",
        '"node-meetup-2025-01"',
        '"node-meetup-2025-' + "9" * 5000 + '"',
        '"other-1"',
        '""',
        "",
        "\xff",
    ],
)
def test_the_event_is_not_as_expected(event: Event, client: APIClient, match: str) -> None:
    reserve(event)
    answer = reserve_if(client, match)
    assert (answer.status_code, answer.json()) == (
        412,
        {"error": STALE, "code": "version_conflict", "version": 1},
    )
    assert_inventory(event, available=9, version=1, reservations=1)


def test_the_tag_is_of_the_event_that_is_named(event: Event, client: APIClient) -> None:
    other = EventFactory.create()
    assert reserve_if(client, f'"{other.slug}-0"', eventId=other.slug).status_code == 201
    assert reserve_if(client, '"node-meetup-2025-0"', eventId=other.slug).status_code == 412
    assert reserve_if(client, '"none-0"', eventId="none").status_code == 404


def test_the_version_is_as_expected(event: Event, client: APIClient) -> None:
    assert reserve_if(client, expectedVersion=0).status_code == 201
    assert reserve_if(client, expectedVersion=1).status_code == 201


@pytest.mark.parametrize("version", [-1, 1, 10**400])
def test_the_version_is_not_as_expected(event: Event, client: APIClient, version: int) -> None:
    answer = reserve_if(client, expectedVersion=version)
    assert (answer.status_code, answer.json()) == (
        409,
        {"error": STALE, "code": "version_conflict", "version": 0},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("version", ["0", 0.0, True, None, []])
def test_a_version_is_an_integer(event: Event, client: APIClient, version: Any) -> None:
    answer = reserve_if(client, expectedVersion=version)
    assert_invalid(answer, ("expectedVersion", "Expected version must be an integer"))


def test_expired_holds_are_released_first(event: Event, client: APIClient) -> None:
    """Whoever read version 1 did not see that the hold would be over."""
    expire_hold(hold(event))
    assert reserve_if(client, '"node-meetup-2025-1"').json()["version"] == 2
    assert reserve_if(client, expectedVersion=2).status_code == 201
    expire_hold(hold(event))
    answer = reserve_if(client, expectedVersion=4)
    assert (answer.status_code, answer.json()["version"]) == (409, 5)


def test_both_conditions(event: Event, client: APIClient) -> None:
    assert reserve_if(client, '"node-meetup-2025-9"', expectedVersion=9).status_code == 412
    assert reserve_if(client, '"node-meetup-2025-0"', expectedVersion=9).status_code == 409
    assert reserve_if(client, '"node-meetup-2025-0"', expectedVersion=0).status_code == 201
