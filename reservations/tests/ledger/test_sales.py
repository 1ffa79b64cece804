"""Pausing and opening sales: by PostgreSQL's clock, under the lock, and what counts as a draft."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from reservations import sql
from reservations.errors import NotOnSale, SalesPaused
from reservations.idempotency.key import IdempotencyKey
from reservations.ledger import lock, submit
from reservations.ledger.commands import EditEvent, OpenSales, PauseSales
from reservations.models import Event, IdempotencyRecord, with_sales_state
from reservations.tests.assertions import assert_inventory, assert_no_drift
from reservations.tests.database import count_round_trips
from reservations.tests.factories import (
    EventFactory,
    book,
    booking_of,
    hold,
    reservation_of,
    reserve,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("races")]

HOUR = timedelta(hours=1)


def pause(event: Event) -> None:
    submit(PauseSales(event=event.slug, actor="test"))


def open_sales(event: Event) -> None:
    submit(OpenSales(event=event.slug, actor="test"))


def state_of(event: Event) -> str:
    return str(with_sales_state(Event.objects.all()).get(pk=event.pk).sales_state)


def test_sales_continue_after_a_pause(event: Event) -> None:
    pause(event)
    for sell in (reserve, hold, book):
        with pytest.raises(SalesPaused):
            sell(event)
    open_sales(event)
    reserve(event)
    assert_inventory(event, available=9, version=3, reservations=1)
    assert list(event.changes.order_by("version").values_list("kind", "seats", "actor")) == [
        ("paused", 0, "test"),
        ("opened", 0, "test"),
        ("confirmed", -1, "test"),
    ]
    assert_no_drift()


@pytest.fixture(params=[-24 * HOUR, 24 * HOUR], ids=["slow-host", "fast-host"])
def wrong_host_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this host's clock be a day behind or ahead."""
    read, now = time.time, timezone.now
    monkeypatch.setattr(time, "time", lambda: read() + request.param.total_seconds())
    monkeypatch.setattr(timezone, "now", lambda: now() + request.param)


@pytest.mark.usefixtures("wrong_host_clock")
def test_a_wrong_clock_of_the_host_changes_no_sale(event: Event) -> None:
    Event.objects.update(sales_open_at=Now() - HOUR, sales_close_at=Now() + HOUR)
    reserve(event)
    Event.objects.update(sales_open_at=Now() + HOUR / 2)
    with pytest.raises(NotOnSale):
        reserve(event)
    Event.objects.update(sales_open_at=None, sales_close_at=Now() - HOUR)
    with pytest.raises(NotOnSale):
        reserve(event)


@pytest.fixture
def fast_database_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the ledger read a database clock that is an hour ahead of this host's."""
    monkeypatch.setattr(sql, "READ_CLOCK", "SELECT clock_timestamp() + interval '1 hour'")
    lock._lock_then_read_clock.cache_clear()
    yield
    lock._lock_then_read_clock.cache_clear()


@pytest.mark.usefixtures("fast_database_clock")
def test_sales_open_and_close_by_the_database_clock(event: Event) -> None:
    Event.objects.update(sales_open_at=Now() + HOUR / 2)
    reserve(event)
    Event.objects.update(sales_open_at=None, sales_close_at=Now() + HOUR / 2)
    with pytest.raises(NotOnSale):
        reserve(event)
    Event.objects.update(sales_open_at=Now() + 2 * HOUR, sales_close_at=None)
    open_sales(event)
    event.refresh_from_db()
    assert event.sales_open_at
    assert HOUR / 2 < event.sales_open_at - timezone.now() < 3 * HOUR / 2
    reserve(event)


def test_refusals_of_closed_sales_are_not_remembered(event: Event) -> None:
    key = IdempotencyKey(scope="s", key="k", fingerprint="f")
    sale = reservation_of(event, idempotency_key=key)
    pause(event)
    with pytest.raises(SalesPaused):
        submit(sale)
    Event.objects.update(sales_paused=False, sales_open_at=Now() + HOUR)
    with pytest.raises(NotOnSale):
        submit(sale)
    assert not IdempotencyRecord.objects.exists()
    open_sales(event)
    assert submit(sale).replayed is False
    pause(event)
    assert submit(sale).replayed is True


def test_booking_with_a_paused_event_sells_nothing(event: Event) -> None:
    paused = EventFactory.create(sales_paused=True)
    with pytest.raises(SalesPaused) as refusal:
        submit(booking_of(event, paused))
    assert refusal.value.event == paused.slug
    for each in (event, paused):
        assert_inventory(each, available=10, version=0, reservations=0)


def test_sales_control_adds_no_round_trip_to_a_sale(event: Event) -> None:
    reserve(event)
    unlimited = count_round_trips(lambda: reserve(event))
    Event.objects.update(sales_open_at=Now() - HOUR, sales_close_at=Now() + HOUR)
    assert count_round_trips(lambda: reserve(event)) == unlimited


def test_draft_is_an_event_that_was_never_on_sale() -> None:
    draft, on_sale = EventFactory.create(sales_paused=True), EventFactory.create()
    assert (state_of(draft), state_of(on_sale)) == ("draft", "on sale")
    pause(draft)
    submit(EditEvent(event=draft.slug, edits={"name": "x", "sales_paused": True}, actor="test"))
    assert state_of(draft) == "draft"
    open_sales(draft)
    assert state_of(draft) == "on sale"
    pause(draft)
    submit(EditEvent(event=on_sale.slug, edits={"sales_paused": True}, actor="test"))
    assert (state_of(draft), state_of(on_sale)) == ("paused", "paused")


def test_state_of_sales_follows_the_times(event: Event) -> None:
    Event.objects.update(sales_open_at=Now() + HOUR)
    assert state_of(event) == "not open yet"
    Event.objects.update(sales_open_at=Now() - 2 * HOUR, sales_close_at=Now() + HOUR)
    assert state_of(event) == "on sale"
    Event.objects.update(sales_close_at=Now() - HOUR)
    assert state_of(event) == "closed"
    Event.objects.update(sales_paused=True)
    assert state_of(event) == "draft"
