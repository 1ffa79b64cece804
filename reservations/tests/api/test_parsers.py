"""Bodies that all endpoints treat in the same way: missing, null, ambiguous or nested."""

import json
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from reservations.models import Event
from reservations.tests.api.client import RESERVATION, assert_invalid, post
from reservations.tests.api.v1.client import BOOKINGS
from reservations.tests.api.v1.client import assert_invalid as assert_invalid_in_v1
from reservations.tests.factories import book, hold, reserve

pytestmark = pytest.mark.django_db

NO_BODY = [
    pytest.param(None, id="missing"),
    pytest.param(b"", id="empty"),
    pytest.param(b"null", id="null"),
    pytest.param(b" null\r\n", id="null-in-spaces"),
]


@pytest.mark.parametrize("body", NO_BODY)
def test_null_counts_as_no_body_where_none_is_needed(
    event: Event, client: APIClient, body: bytes | None
) -> None:
    held, sold, booked = hold(event), reserve(event), book(event)
    assert post(client, f"/reservations/{held}/confirm", body).status_code == 200
    assert post(client, f"{BOOKINGS}/{booked}/cancel", body).status_code == 200
    deleted = client.delete(f"/reservations/{sold}", body, content_type="application/json")
    assert deleted.status_code == 204


@pytest.mark.parametrize("first", NO_BODY)
@pytest.mark.parametrize("again", NO_BODY)
def test_null_and_no_body_are_the_same_request(
    event: Event, client: APIClient, first: bytes | None, again: bytes | None
) -> None:
    for path in (f"/reservations/{hold(event)}/confirm", f"{BOOKINGS}/{book(event)}/cancel"):
        key = f"k{len(path)}"
        assert post(client, path, first, idempotency_key=key).status_code == 200
        assert "Idempotent-Replayed" in post(client, path, again, idempotency_key=key)


@pytest.mark.parametrize("body", NO_BODY)
def test_null_is_refused_where_a_body_is_needed(
    event: Event, client: APIClient, mount: str, body: bytes | None
) -> None:
    error = ("", "Request body must be a JSON object")
    assert_invalid(post(client, mount, body), error)
    assert_invalid_in_v1(post(client, BOOKINGS, body), error)


DUPLICATE = [
    b'{"partnerId": "p", "seats": 99, "seats": 1}',
    b'{"partnerId": "p", "seats": 1, "s\\u0065ats": 1}',
    b'{"partnerId": "p", "seats": 1, "x": [{"y": {"seats": 1, "z": 0, "seats": 1}}]}',
]


@pytest.mark.parametrize("body", DUPLICATE, ids=["top-level", "escaped", "nested"])
def test_key_that_occurs_twice_in_an_object_is_refused(
    event: Event, client: APIClient, body: bytes
) -> None:
    error = ("", 'Request body must not have the key "seats" twice in an object')
    paths = ("/reservations", f"/reservations/{UUID(int=1)}/confirm")
    for path in paths:
        assert_invalid(post(client, path, body), error)
    for path in (BOOKINGS, f"{BOOKINGS}/{UUID(int=1)}/cancel"):
        assert_invalid_in_v1(post(client, path, body), error)
    event.refresh_from_db()
    assert event.version == 0


@pytest.mark.parametrize(("depth", "status"), [(31, 201), (32, 400)])
@pytest.mark.parametrize("key", [None, "k"], ids=["no-key", "key"])
def test_depth_of_a_body_is_limited(
    event: Event, client: APIClient, depth: int, status: int, key: str | None
) -> None:
    raw = json.dumps(RESERVATION).encode()[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
    assert post(client, "/reservations", raw, idempotency_key=key).status_code == status


def test_brackets_in_strings_do_not_count_as_depth(event: Event, client: APIClient) -> None:
    body = RESERVATION | {"note": '"' + "[{" * 1_000 + "\\"}
    assert post(client, "/reservations", body).status_code == 201
