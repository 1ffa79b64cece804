"""Requests for events that are paused or not on sale, in both APIs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from reservations.ledger import submit
from reservations.ledger.commands import EditEvent, OpenSales, PauseSales
from reservations.models import Event, Reservation
from reservations.tests.api.client import RESERVATION, post
from reservations.tests.api.v1.client import BOOKINGS, EVENTS, booking
from reservations.tests.assertions import assert_inventory
from reservations.tests.factories import EventFactory, hold

pytestmark = pytest.mark.django_db(transaction=True)

PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
NOT_ON_SALE = "The event is not on sale at this time"


def pause(event: Event) -> None:
    submit(PauseSales(event=event.slug, actor="test"))


@pytest.mark.parametrize("more", [{}, {"holdSeconds": 60}], ids=["sale", "hold"])
def test_reservation_of_a_paused_event_is_refused(
    event: Event, client: APIClient, mount: str, more: dict[str, Any]
) -> None:
    pause(event)
    response = post(client, mount, RESERVATION | more)
    assert (response.status_code, response.json()) == (
        409,
        {"error": "Sales are paused", "code": "sales_paused"},
    )
    assert_inventory(event, available=10, version=1, reservations=0)


@pytest.mark.parametrize(
    ("opens", "closes", "shown"),
    [
        (FUTURE, None, {"opensAt": "2100-01-01T00:00:00Z", "closesAt": None}),
        (None, PAST, {"opensAt": None, "closesAt": "2020-01-01T00:00:00Z"}),
    ],
    ids=["early", "late"],
)
def test_request_outside_the_times_of_sale_is_refused(
    client: APIClient,
    event: Event,
    opens: datetime | None,
    closes: datetime | None,
    shown: dict[str, str | None],
) -> None:
    Event.objects.update(sales_open_at=opens, sales_close_at=closes)
    response = post(client, "/reservations", RESERVATION)
    assert (response.status_code, response.json()) == (
        409,
        {"error": NOT_ON_SALE, "code": "not_on_sale", **shown},
    )
    response = post(client, BOOKINGS, booking((event.slug, 1)))
    assert (response.status_code, response.json()) == (
        409,
        {"error": "NotOnSale", "message": NOT_ON_SALE, "eventId": event.slug, **shown},
    )
    assert_inventory(event, available=10, version=0, reservations=0)


def test_booking_names_the_first_paused_event(event: Event, client: APIClient) -> None:
    paused, late = EventFactory.create(), EventFactory.create(sales_close_at=PAST)
    pause(paused)
    items = [(event.slug, 1), (paused.slug, 3), (late.slug, 1)]
    response = post(client, BOOKINGS, booking(*items))
    assert (response.status_code, response.json()) == (
        409,
        {"error": "SalesPaused", "message": "Sales are paused", "eventId": paused.slug},
    )
    response = post(client, BOOKINGS, booking(*items, ("none", 1)))
    assert (response.status_code, response.json()["eventId"]) == (404, "none")


def test_held_seats_can_be_confirmed_and_cancelled_while_paused(
    event: Event, client: APIClient
) -> None:
    kept, dropped = hold(event, seats=2), hold(event, seats=3)
    pause(event)
    assert post(client, f"/reservations/{kept}/confirm").status_code == 200
    assert client.delete(f"/reservations/{dropped}").status_code == 204
    assert client.get(f"/reservations/{kept}").json()["status"] == "confirmed"
    assert_inventory(event, available=8, version=5, reservations=1)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reservations", RESERVATION),
        (BOOKINGS, booking(("node-meetup-2025", 1))),
    ],
    ids=["reservation", "booking"],
)
def test_repeated_request_is_sold_once_sales_are_open(
    event: Event, client: APIClient, path: str, body: Any
) -> None:
    pause(event)
    assert post(client, path, body, idempotency_key="k").status_code == 409
    submit(EditEvent(event=event.slug, edits={"sales_open_at": FUTURE}, actor="test"))
    submit(OpenSales(event=event.slug, actor="test"))
    response = post(client, path, body, idempotency_key="k")
    assert (response.status_code, response.get("Idempotent-Replayed")) == (201, None)
    pause(event)
    assert post(client, path, body, idempotency_key="k")["Idempotent-Replayed"] == "true"
    assert Reservation.objects.count() == 1


def test_sales_control_is_shown_and_changes_the_etag(event: Event, client: APIClient) -> None:
    etag = client.get(f"{EVENTS}/{event.slug}")["ETag"]
    edits: Any = {"sales_open_at": PAST, "sales_close_at": FUTURE}
    submit(EditEvent(event=event.slug, edits=edits, actor="test"))
    pause(event)
    response = client.get(f"{EVENTS}/{event.slug}", headers={"If-None-Match": etag})
    assert response.status_code == 200
    names = ("version", "salesPaused", "salesOpenAt", "salesCloseAt")
    assert [response.json()["data"][name] for name in names] == [
        2,
        True,
        "2020-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
    ]
    submit(OpenSales(event=event.slug, actor="test"))
    changes = client.get(f"{EVENTS}/{event.slug}/changes").json()["data"]
    assert [(each["kind"], each["seats"], each["reservationId"]) for each in changes] == [
        ("edited", 0, None),
        ("paused", 0, None),
        ("opened", 0, None),
    ]
