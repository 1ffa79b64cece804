"""Connections lost at COMMIT: one sale or none, and never a wrong response."""

from functools import partial

import pytest
from django.db import connections
from rest_framework.test import APIClient

from reservations.errors import OutcomeUnknown
from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event, IdempotencyRecord
from reservations.tests.api.client import RESERVATION, post
from reservations.tests.assertions import assert_inventory
from reservations.tests.database import run_and_disconnect, wait_for_lock_waiters
from reservations.tests.factories import reserve
from reservations.tests.proxy import Proxy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]


def test_commit_without_an_answer_counts_as_committed(event: Event, proxy: Proxy) -> None:
    proxy.cut_at_commit(forward=True)
    reserve(event, seats=4)
    assert proxy.cuts == 1
    assert_inventory(event, available=6, version=1, reservations=1)


def test_commit_that_arrives_late_is_waited_for(event: Event, proxy: Proxy) -> None:
    """The check waits for the event's lock, which the first transaction holds until it ends."""
    proxy.cut_at_commit(
        forward=True, before_forwarding=partial(run_and_disconnect, wait_for_lock_waiters)
    )
    reserve(event, seats=4)
    assert proxy.cuts == 1
    assert_inventory(event, available=6, version=1, reservations=1)


def test_commit_that_never_arrived_is_answered_with_503_busy(event: Event, proxy: Proxy) -> None:
    proxy.cut_at_commit(forward=False)
    response = post(APIClient(), "/reservations", RESERVATION)
    assert (response.status_code, response.json()) == (
        503,
        {"error": "Server is too busy, please try again", "code": "busy"},
    )
    assert response["Retry-After"] == "1"
    assert_inventory(event, available=10, version=0, reservations=0)


def test_cancel_without_an_answer_counts_as_committed(event: Event, proxy: Proxy) -> None:
    to_cancel = reserve(event, seats=4)
    proxy.cut_at_commit(forward=True)
    submit(Cancel(reservation_id=to_cancel, actor="test"))
    assert proxy.cuts == 1
    assert_inventory(event, available=10, version=2, reservations=0)


def test_unreachable_database_is_answered_with_outcome_unknown(event: Event, proxy: Proxy) -> None:
    proxy.set_pool_timeout(0.3)
    proxy.cut_at_commit(forward=True, and_stay_down=True)
    response = post(APIClient(), "/reservations", RESERVATION)
    assert (response.status_code, response.json()["code"]) == (503, "outcome_unknown")
    assert response["Retry-After"] == "1"
    proxy.up()
    assert_inventory(event, available=7, version=1, reservations=1)


def reserve_with_key(seats: int) -> tuple[int, str | None, bytes]:
    body = RESERVATION | {"seats": seats}
    response = post(APIClient(), "/reservations", body, idempotency_key="k")
    return response.status_code, response.get("Idempotent-Replayed"), response.content


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
@pytest.mark.parametrize("seats", [4, 7], ids=["sold", "refused"])
def test_request_of_unknown_outcome_can_be_repeated_by_key(
    event: Event, proxy: Proxy, forward: bool, seats: int
) -> None:
    """The connection is lost at COMMIT and the database stays down until the repeated request."""
    reserve(event, seats=4)
    proxy.set_pool_timeout(0.3)
    proxy.cut_at_commit(forward=forward, and_stay_down=True)
    assert reserve_with_key(seats)[0] == 503
    proxy.up()
    status, replayed, body = reserve_with_key(seats)
    assert (status, replayed) == (201 if seats == 4 else 409, "true" if forward else None)
    assert reserve_with_key(seats) == (status, "true", body)
    sold = 1 if seats == 4 else 0
    assert_inventory(event, available=6 - 4 * sold, version=1 + sold, reservations=1 + sold)


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
def test_keyed_refusal_is_answered_only_if_it_is_stored(
    event: Event, proxy: Proxy, forward: bool
) -> None:
    reserve(event, seats=4)
    proxy.cut_at_commit(forward=forward)
    assert reserve_with_key(7)[0] == (409 if forward else 503)
    assert IdempotencyRecord.objects.exists() is forward


def test_unreachable_database_raises_outcome_unknown(event: Event, proxy: Proxy) -> None:
    proxy.set_pool_timeout(0.3)
    proxy.cut_at_commit(forward=False, and_stay_down=True)
    with pytest.raises(OutcomeUnknown):
        reserve(event)
    proxy.up()
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("method", ["get", "post"])
def test_requests_succeed_again_when_the_database_returns(
    event: Event, proxy: Proxy, method: str
) -> None:
    client = APIClient()

    def call() -> int:
        if method == "post":
            response = post(client, "/reservations", RESERVATION)
        else:
            response = client.get("/reservations")
        connections.close_all()  # as at the end of a request
        return int(response.status_code)

    success = {"get": 200, "post": 201}[method]
    assert call() == success
    proxy.set_pool_timeout(0.3)
    proxy.down()
    assert [call(), call()] == [503, 503]
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503
    proxy.up()
    assert call() == success
    assert client.get("/ready").status_code == 200
