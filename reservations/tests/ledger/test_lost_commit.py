"""The connection is lost at COMMIT: sold once or not at all, and never answered wrongly."""

import pytest
from django.db import connections
from rest_framework.test import APIClient

from reservations.errors import OutcomeUnknown
from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event, IdempotencyRecord
from reservations.tests.api.client import RESERVATION, post
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import reserve
from reservations.tests.ledger.proxy import Proxy

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_commit_whose_answer_was_lost_is_found(event: Event, proxy: Proxy) -> None:
    proxy.cut_at_commit(forward=True)
    reserve(event, seats=4)
    assert proxy.cuts == 1
    assert_inventory(event, available=6, version=1, reservations=1)


def test_a_late_commit_is_waited_for(event: Event, proxy: Proxy) -> None:
    """The look waits for the lock that the unanswered transaction holds until it has ended."""
    proxy.cut_at_commit(forward=True, delay=0.5)
    reserve(event, seats=4)
    assert proxy.cuts == 1
    assert_inventory(event, available=6, version=1, reservations=1)


def test_the_commit_never_arrived(event: Event, proxy: Proxy) -> None:
    proxy.cut_at_commit(forward=False)
    answer = post(APIClient(), "/reservations", RESERVATION)
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "Server is too busy, please try again", "code": "busy"},
    )
    assert answer["Retry-After"] == "1"
    assert_inventory(event, available=10, version=0, reservations=0)


def test_a_cancel_whose_answer_was_lost(event: Event, proxy: Proxy) -> None:
    doomed = reserve(event, seats=4)
    proxy.cut_at_commit(forward=True)
    submit(Cancel(reservation_id=doomed, actor="test"))
    assert proxy.cuts == 1
    assert_inventory(event, available=10, version=2, reservations=0)


def test_the_database_cannot_be_asked(event: Event, proxy: Proxy) -> None:
    proxy.pool_timeout(0.3)
    proxy.cut_at_commit(forward=True, and_stay_down=True)
    answer = post(APIClient(), "/reservations", RESERVATION)
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert answer["Retry-After"] == "1"
    proxy.up()
    assert_inventory(event, available=7, version=1, reservations=1)


def reserve_with_key(seats: int) -> tuple[int, str | None, bytes]:
    body = RESERVATION | {"seats": seats}
    answer = post(APIClient(), "/reservations", body, idempotency_key="k")
    return answer.status_code, answer.get("Idempotent-Replayed"), answer.content


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
@pytest.mark.parametrize("seats", [4, 7], ids=["sold", "refused"])
def test_a_request_without_an_answer_is_repeated_by_its_key(
    event: Event, proxy: Proxy, forward: bool, seats: int
) -> None:
    """A crash between COMMIT and the answer: one effect, whichever way it went."""
    reserve(event, seats=4)
    proxy.pool_timeout(0.3)
    proxy.cut_at_commit(forward=forward, and_stay_down=True)
    assert reserve_with_key(seats)[0] == 503
    proxy.up()
    status, replayed, body = reserve_with_key(seats)
    assert (status, replayed) == (201 if seats == 4 else 409, "true" if forward else None)
    assert reserve_with_key(seats) == (status, "true", body)
    sold = 1 if seats == 4 else 0
    assert_inventory(event, available=6 - 4 * sold, version=1 + sold, reservations=1 + sold)


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
def test_a_refusal_is_sent_only_if_it_is_stored(event: Event, proxy: Proxy, forward: bool) -> None:
    reserve(event, seats=4)
    proxy.cut_at_commit(forward=forward)
    assert reserve_with_key(7)[0] == (409 if forward else 503)
    assert IdempotencyRecord.objects.exists() is forward


def test_an_unknown_outcome_is_raised(event: Event, proxy: Proxy) -> None:
    proxy.pool_timeout(0.3)
    proxy.cut_at_commit(forward=False, and_stay_down=True)
    with pytest.raises(OutcomeUnknown):
        reserve(event)
    proxy.up()
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_database_that_returns_is_used_again(event: Event, proxy: Proxy, method: str) -> None:
    client = APIClient()

    def call() -> int:
        if method == "post":
            answer = post(client, "/reservations", RESERVATION)
        else:
            answer = client.get("/reservations")
        connections.close_all()  # as at the end of every request
        return int(answer.status_code)

    works = {"get": 200, "post": 201}[method]
    assert call() == works
    proxy.pool_timeout(0.3)
    proxy.down()
    assert [call(), call()] == [503, 503]
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503
    proxy.up()
    assert call() == works
    assert client.get("/ready").status_code == 200
