"""Keys are read once in a while, and concurrent requests share the query."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cachetools import TTLCache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reservations.access import keys, tokens, verification
from reservations.access.tokens import Token
from reservations.access.verification import CACHED_SECONDS, verify
from reservations.errors import Busy
from reservations.models import ApiKey, Partner
from reservations.tests.database import run_and_disconnect, second_connection
from reservations.tests.factories import PartnerFactory, forget_keys, issue
from reservations.tests.proxy import Proxy

pytestmark = pytest.mark.django_db


class Clock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(verification, "monotonic", clock)
    unknown: Any = TTLCache(3, 5, timer=clock)
    monkeypatch.setattr(verification, "_unknown", unknown)
    forget_keys()
    yield clock
    forget_keys()


@pytest.fixture
def partner(db: None) -> Partner:
    return PartnerFactory.create(slug="abc-corp")


def queries_of(text: object) -> int:
    with CaptureQueriesContext(connection) as queries:
        verify(str(text))
    return len([each for each in queries if "INNER JOIN" in each["sql"]])


def test_key_is_read_once_in_ten_seconds(partner: Partner, clock: Clock) -> None:
    token = issue(partner)
    assert [queries_of(token) for _ in range(3)] == [1, 0, 0]
    clock.now += CACHED_SECONDS - 0.1
    assert queries_of(token) == 0
    clock.now += 0.1
    assert queries_of(token) == 1


def test_revocation_is_noticed_within_ten_seconds(partner: Partner, clock: Clock) -> None:
    token = issue(partner)
    assert verify(str(token))
    keys.revoke_key(key_id=token.id, by="test")
    clock.now += CACHED_SECONDS
    assert verify(str(token)) is None


def test_deactivation_is_noticed_within_ten_seconds(partner: Partner, clock: Clock) -> None:
    token = issue(partner)
    assert verify(str(token))
    keys.set_active(slug=partner.slug, active=False, by="test")
    clock.now += CACHED_SECONDS
    assert verify(str(token)) is None


def test_cached_key_expires_on_time(partner: Partner, clock: Clock) -> None:
    token = issue(partner, expires_at=timezone.now() + timedelta(seconds=3))
    assert verify(str(token))
    clock.now += 3
    assert queries_of(token) == 1


def test_wrong_secret_is_refused_without_a_query(partner: Partner) -> None:
    token = issue(partner)
    verify(str(token))
    guess = Token(token.id, tokens.generate().secret)
    assert (verify(str(guess)), queries_of(guess)) == (None, 0)


def test_unknown_id_is_read_once_in_five_seconds(clock: Clock) -> None:
    token = tokens.generate()
    assert [queries_of(token) for _ in range(2)] == [1, 0]
    clock.now += 5
    assert queries_of(token) == 1


def test_remembered_unknown_ids_are_bounded(db: None) -> None:
    for _ in range(10):
        verify(str(tokens.generate()))
    assert len(verification._unknown) == 3
    assert not verification._known


def test_malformed_key_needs_no_query() -> None:
    assert queries_of("tbk_x_y") == 0


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_share_a_query(partner: Partner, pool: ThreadPoolExecutor) -> None:
    batches: list[int] = []
    read = verification._reader._read

    def count(key_ids: Any) -> Any:
        batches.append(len(key_ids))
        return read(key_ids)

    text = str(issue(partner))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification._reader, "_read", count)
        calls = [pool.submit(run_and_disconnect, partial(verify, text)) for _ in range(32)]
        assert all(call.result(30) for call in calls)
    assert len(batches) < 32


@pytest.mark.django_db(transaction=True)
def test_unreachable_database_is_busy_not_unauthorized(proxy: Proxy, partner: Partner) -> None:
    token = issue(partner)
    proxy.down()
    with pytest.raises(Busy):
        verify(str(token))


def test_use_is_recorded_every_five_minutes_at_most(partner: Partner, clock: Clock) -> None:
    token = issue(partner)
    key = ApiKey.objects.get()
    times = []
    for _ in range(3):
        verify(str(token))
        clock.now += CACHED_SECONDS
        key.refresh_from_db()
        times.append(key.last_used_at)
    assert times[0]
    assert times == [times[0]] * 3
    earlier = times[0] - timedelta(minutes=6)
    ApiKey.objects.update(last_used_at=earlier)
    verify(str(token))
    key.refresh_from_db()
    assert key.last_used_at
    assert key.last_used_at > earlier


def test_wrong_secret_is_no_use(partner: Partner) -> None:
    token = issue(partner)
    verify(str(Token(token.id, tokens.generate().secret)))
    assert ApiKey.objects.get().last_used_at is None


@pytest.mark.django_db(transaction=True)
def test_locked_key_delays_no_request(partner: Partner) -> None:
    token = issue(partner)
    with second_connection() as other:
        other.execute("SELECT FROM reservations_apikey FOR UPDATE")
        assert verify(str(token))
    assert ApiKey.objects.get().last_used_at is None
