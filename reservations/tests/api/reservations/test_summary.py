"""GET /reservations."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event
from reservations.tests.factories import EventFactory, reserve


def test_figures(event: Event, client: APIClient, mount: str, slash: str) -> None:
    reserve(event, seats=3)
    submit(Cancel(reservation_id=reserve(event, seats=2), actor="test"))
    answer = client.get(mount + slash)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "eventId": "node-meetup-2025",
            "name": "Node.js Meet-up",
            "totalSeats": 10,
            "availableSeats": 7,
            "reservationCount": 1,
            "version": 3,
        },
    )


def test_another_event(event: Event, client: APIClient) -> None:
    other = EventFactory.create(total_seats=7)
    answer = client.get("/reservations", {"eventId": other.slug})
    assert (answer.json()["eventId"], answer.json()["totalSeats"]) == (other.slug, 7)


@pytest.mark.parametrize("query", ["none", "", "%00", "%FF", "%ED%A0%80", "a%20b", "x" * 5000])
def test_unknown_event(event: Event, client: APIClient, query: str) -> None:
    answer = client.get(f"/reservations?eventId={query}")
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "Event not found", "code": "event_not_found"},
    )


def test_too_many_parameters(event: Event, client: APIClient) -> None:
    answer = client.get("/reservations?" + "a=1&" * 2000)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("reservations", [1, 3])
def test_costs_one_query_however_much_is_sold(
    event: Event, client: APIClient, reservations: int
) -> None:
    for _ in range(reservations):
        reserve(event)
    with CaptureQueriesContext(connection) as queries:
        client.get("/reservations")
    assert len(queries) == 1


def test_head(event: Event, client: APIClient) -> None:
    answer = client.head("/reservations")
    assert (answer.status_code, answer.content) == (200, b"")
