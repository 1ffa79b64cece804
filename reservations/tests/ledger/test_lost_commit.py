"""The connection is lost at COMMIT: sold once or not at all, and never answered wrongly."""

import pytest
from django.db import connections
from rest_framework.test import APIClient

from reservations.errors import OutcomeUnknown
from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event, IdempotencyRecord
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import reserve
from reservations.tests.ledger.proxy import Proxy

pytestmark = pytest.mark.django_db(transaction=True)


def test_committed_but_the_answer_was_lost(event: Event, proxy: Proxy) -> None:
    proxy.cut_at_commit(forward=True)
    reserve(event, seats=4)
    assert proxy.cuts == 1
    assert_inventory(event, available=6, version=1, reservations=1)


def test_still_committing_while_it_is_looked_for(event: Event, proxy: Proxy) -> None:
    """The look waits for the lock that the unanswered transaction holds until it has ended."""
    proxy.cut_at_commit(forward=True, delay=0.5)
    reserve(event, seats=4)
    assert proxy.cuts == 1
    assert_inventory(event, available=6, version=1, reservations=1)


def test_the_commit_never_arrived(event: Event, proxy: Proxy) -> None:
    proxy.cut_at_commit(forward=False)
    answer = APIClient().post("/reservations", {"partnerId": "p", "seats": 4}, format="json")
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
    answer = APIClient().post("/reservations", {"partnerId": "p", "seats": 4}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert answer["Retry-After"] == "1"
    proxy.up()
    assert_inventory(event, available=6, version=1, reservations=1)


def post_with_key(seats: int) -> tuple[int, str | None, bytes]:
    answer = APIClient().post(
        "/reservations",
        {"partnerId": "p", "seats": seats},
        format="json",
        headers={"idempotency-key": "k"},
    )
    return answer.status_code, answer.get("Idempotent-Replayed"), answer.content


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
@pytest.mark.parametrize("seats", [4, 7], ids=["sold", "refused"])
def test_who_got_no_answer_asks_again_with_the_same_key(
    event: Event, proxy: Proxy, forward: bool, seats: int
) -> None:
    """A crash between COMMIT and the answer: one effect, whichever way it went."""
    reserve(event, seats=4)
    proxy.pool_timeout(0.3)
    proxy.cut_at_commit(forward=forward, and_stay_down=True)
    assert post_with_key(seats)[0] == 503
    proxy.up()
    status, replayed, body = post_with_key(seats)
    assert (status, replayed) == (201 if seats == 4 else 409, "true" if forward else None)
    assert post_with_key(seats) == (status, "true", body)
    sold = 1 if seats == 4 else 0
    assert_inventory(event, available=6 - 4 * sold, version=1 + sold, reservations=1 + sold)


@pytest.mark.parametrize("forward", [True, False], ids=["committed", "lost"])
def test_a_refusal_is_answered_only_if_its_record_is_stored(
    event: Event, proxy: Proxy, forward: bool
) -> None:
    reserve(event, seats=4)
    proxy.cut_at_commit(forward=forward)
    assert post_with_key(7)[0] == (409 if forward else 503)
    assert IdempotencyRecord.objects.exists() is forward


def test_unknown_is_raised_and_not_guessed(event: Event, proxy: Proxy) -> None:
    proxy.pool_timeout(0.3)
    proxy.cut_at_commit(forward=False, and_stay_down=True)
    with pytest.raises(OutcomeUnknown):
        reserve(event)
    proxy.up()
    assert_inventory(event, available=10, version=0, reservations=0)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_database_that_went_away_is_used_again_when_it_is_back(
    event: Event, proxy: Proxy, method: str
) -> None:
    client = APIClient()

    def call() -> int:
        body = {"partnerId": "p", "seats": 1}
        with_body = {"data": body, "format": "json"} if method == "post" else {}
        status = int(getattr(client, method)("/reservations", **with_body).status_code)
        connections.close_all()  # as at the end of every request
        return status

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
